"""How long a window takes, by network and runtime, on this machine, and what it costs in truth.

    python benchmarks/inference.py [--json results.json] [--repeats 5]

Prints one table: milliseconds per 96^3 window (median), the largest difference of a score from
torch's and the share of voxels with the same label. "plain torch" is torch without
`mambamim.memory.keep_large_buffers`, timed first because that cannot be undone. All others take
turns. Whole volumes are timed by rivals.py.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fresh_checkpoint import SIDE, make_checkpoint, never, runtimes
from machine import finish, take_turns

from mambamim.checkpoints import Checkpoint
from mambamim.inference.runtimes import Runtime, TorchRuntime
from mambamim.memory import keep_large_buffers

NETWORKS = ("hymamba_small", "hymamba")
CPU = torch.device("cpu")
# Noise, where differences show.
WINDOW = torch.rand(1, 1, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def passes(found: dict[str, Runtime]) -> dict[str, Callable[[], Any]]:
    """One window through each."""
    return {name: lambda run=run: run(WINDOW, never) for name, run in found.items()}


def time_windows(
    checkpoint: Checkpoint, folder: Path, repeats: int, plain_seconds: float
) -> list[dict[str, Any]]:
    """Rows of one network: a runtime each."""
    found = runtimes(checkpoint, CPU, folder)
    seconds = {"plain torch": plain_seconds, **take_turns(passes(found), repeats, CPU)}
    scores = {name: run(WINDOW, never) for name, run in found.items()}
    exact = scores["plain torch"] = scores["torch"]
    return [
        {
            "network": checkpoint.header.name,
            "runtime": name,
            "ms_per_window": 1000 * taken,
            "times_torch": plain_seconds / taken,
            "largest_difference": float((scores[name] - exact).abs().max()),
            "same_label": float((scores[name].argmax(1) == exact.argmax(1)).float().mean()),
        }
        for name, taken in seconds.items()
    ]


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write everything here")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each window")
    options = parser.parse_args()
    windows = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = [make_checkpoint(name, Path(folder)) for name in NETWORKS]
        plain = {c.header.name: TorchRuntime(c.model, CPU) for c in checkpoints}
        plain_seconds = take_turns(passes(plain), options.repeats, CPU)
        keep_large_buffers()
        for checkpoint in checkpoints:
            taken = plain_seconds[checkpoint.header.name]
            windows += time_windows(checkpoint, Path(folder), options.repeats, taken)
    print(
        f"{'network':14} {'runtime':14} {'ms/window':>10} {'x plain':>8} {'max diff':>9} same label"
    )
    for row in windows:
        print(
            f"{row['network']:14} {row['runtime']:14} {row['ms_per_window']:10.0f} "
            f"{row['times_torch']:8.2f} {row['largest_difference']:9.1e} {row['same_label']:.5f}"
        )
    medians = {(r["network"], r["runtime"]): r["ms_per_window"] for r in windows}
    for _, runtime in [key for key in medians if key[0] == "hymamba"]:
        ratio = medians["hymamba", runtime] / medians["hymamba_small", runtime]
        print(f"hymamba_small is {ratio:.1f} times faster than hymamba with {runtime}")
    finish({"windows": windows}, options.json)


if __name__ == "__main__":
    main()
