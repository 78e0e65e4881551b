"""The selective scan: every way to run it that this machine has, side by side.

    python benchmarks/scan.py [--lengths 54 216 1000 4096] [--batch 8] [--json scan.json]

Milliseconds, medians, of the scan with D, bias, softplus and gate, 768 channels and 16 states,
forward alone and forward with backward. On a graphics card in bf16 and fp32, with mamba-ssm's own
call beside them where it is installed, and each way recorded as a CUDA graph, so that what is timed
is the card's work and not Python's; "started by Python" is without that. On a CPU in fp32 with a
batch of 1. The last columns say how many times as fast as the step-by-step definition ("reference")
a way is, on a graphics card as mamba-ssm where that is there.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import finish, take_turns
from torch import Tensor

from mambamim.memory import keep_large_buffers
from mambamim.ops.selective_scan import BACKENDS, selective_scan

CHANNELS, STATES = 768, 16
LONGEST_REFERENCE = 1000  # steps one by one, with their gradients, take too long beyond


def make_inputs(batch: int, length: int, dtype: torch.dtype, device: torch.device) -> list[Tensor]:
    """u, delta, A, B, C, D, z and bias, as in a network that has learnt."""
    torch.manual_seed(0)
    wide, narrow = (batch, CHANNELS, length), (batch, STATES, length)
    u, delta, z = (torch.randn(wide, dtype=dtype) for _ in range(3))
    B, C = (torch.randn(narrow, dtype=dtype) for _ in range(2))
    A = -torch.rand(CHANNELS, STATES) * STATES
    D, bias = torch.ones(CHANNELS), torch.rand(CHANNELS) - 4
    moved = [x.to(device) for x in (u, delta, A, B, C, D, z, bias)]
    return [x.requires_grad_() for x in moved]


def ways(device: torch.device, length: int) -> dict[str, Callable[..., Any]]:
    """What can run here, by name; each takes the inputs."""
    found: dict[str, Callable[..., Any]] = {}
    for name, backend in BACKENDS.items():
        slow = name == "reference" and length > LONGEST_REFERENCE
        if name != "static" and not backend.reason_against(device) and not slow:
            found[name] = _ours(name)
    if "mamba_ssm" in found:
        found["mamba-ssm itself"] = _theirs
    return found


def _ours(name: str) -> Callable[..., Any]:
    def run(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, *rest: Tensor) -> Any:
        D, z, bias = rest
        return selective_scan(
            u, delta, A, B, C, D, z, bias, delta_softplus=True, backend=name
        )  # fmt: skip

    return run


def _theirs(*inputs: Tensor) -> Any:
    interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    return interface.selective_scan_fn(*inputs, delta_softplus=True)


def recorded(work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work as one launch; as it is where it cannot be recorded."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(2):
            work()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            work()
    except RuntimeError as error:
        print(f"not recorded: {str(error).splitlines()[0]}")
        return work
    return graph.replay


def measure(
    batch: int, length: int, dtype: torch.dtype, device: torch.device, repeats: int
) -> list:
    """Rows of one length."""
    inputs = make_inputs(batch, length, dtype, device)
    found = ways(device, length)

    def forward(run: Callable[..., Any]) -> Callable[[], Any]:
        def work() -> None:
            with torch.no_grad():
                run(*inputs)

        return work

    def both(run: Callable[..., Any]) -> Callable[[], Any]:
        def work() -> None:
            out = run(*inputs)
            torch.autograd.grad(out, inputs, torch.ones_like(out))

        return work

    works = [{name: make(run) for name, run in found.items()} for make in (forward, both)]
    started = [take_turns(work, repeats, device) for work in works]
    if device.type == "cuda":
        works = [{name: recorded(run) for name, run in work.items()} for work in works]
    ahead, whole = (take_turns(work, repeats, device) for work in works)
    rival = next((n for n in ("mamba-ssm itself", "reference") if n in found), None)
    return [
        {
            "length": length,
            "batch": batch,
            "dtype": str(dtype).removeprefix("torch."),
            "way": name,
            "forward_ms": 1000 * ahead[name],
            "both_ms": 1000 * whole[name],
            "started_by_python_ms": [1000 * taken[name] for taken in started],
            "forward_ratio": ahead[rival] / ahead[name] if rival else None,
            "both_ratio": whole[rival] / whole[name] if rival else None,
        }
        for name in found
    ]


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[54, 216, 1000, 4096])
    parser.add_argument("--batch", type=int, help="8 on a graphics card, 1 on a CPU")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_card = device.type == "cuda"
    batch = options.batch or (8 if on_card else 1)
    rows = []
    print(
        f"{'L':>6} {'dtype':9} {'way':18} {'forward':>10} {'+backward':>10} "
        f"{'started by Python':>22} {'times as fast':>15}"
    )
    for length in options.lengths:
        for dtype in (torch.bfloat16, torch.float32) if on_card else (torch.float32,):
            for row in measure(batch, length, dtype, device, options.repeats):
                rows.append(row)
                ratios = (row["forward_ratio"], row["both_ratio"])
                told = " ".join("      -" if r is None else f"{r:7.2f}" for r in ratios)
                python = " ".join(f"{ms:7.3f} ms" for ms in row["started_by_python_ms"])
                print(
                    f"{length:6d} {row['dtype']:9} {row['way']:18} {row['forward_ms']:7.3f} ms "
                    f"{row['both_ms']:7.3f} ms {python:>22} {told}"
                )
    finish({"rows": rows}, options.json)


if __name__ == "__main__":
    main()
