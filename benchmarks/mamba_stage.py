"""The Mamba stage of each network alone: all its layers over the 216 tokens of a 96^3 window.

    python benchmarks/mamba_stage.py [--batch 4] [--json mamba_stage.json]

Milliseconds (medians), as inference runs it: on a graphics card in bf16 from a recorded graph, on a
CPU in fp32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from fresh_checkpoint import never
from machine import finish, take_turns

from mambamim.inference.cuda_runtime import CudaRuntime
from mambamim.inference.runtimes import TorchRuntime, choose_device
from mambamim.memory import keep_large_buffers
from mambamim.models import build_model

NETWORKS = ("hymamba_small", "hymamba")
GRID = (6, 6, 6)


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="as mambamim segment takes it")
    parser.add_argument("--batch", type=int, default=4, help="windows at once")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    device = choose_device(options.device)
    runs = CudaRuntime if device.type == "cuda" else TorchRuntime
    works = {}
    for name in NETWORKS:
        torch.manual_seed(0)
        stage = build_model(name).stage
        features = torch.rand(options.batch, stage.width, *GRID, device=device)
        runtime = runs(stage, device)
        works[name] = lambda runtime=runtime, features=features: runtime(features, never)
    seconds = take_turns(works, options.repeats, device)
    for name, taken in seconds.items():
        print(f"{name:14} batch {options.batch} {1000 * taken:8.3f} ms")
    rows = [{"network": name, "ms": 1000 * taken} for name, taken in seconds.items()]
    finish({"batch": options.batch, "rows": rows}, options.json)


if __name__ == "__main__":
    main()
