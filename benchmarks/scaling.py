"""How cost grows: with the volume, the batch, the sequence and the number of processes.

    python benchmarks/scaling.py [--device auto] [--json scaling.json] [--picture docs/scaling.png]

Each row has a size, seconds (medians), and the exponent between it and the row before: 1 is linear,
below 1 something fixed is being shared out, above 1 something does not fit any more.

- volume: abdomen-small over cubes full of fat and tissue at 1.5 mm, from array to labels.
- batch: one pass of `hymamba_small` over that many windows of 96^3.
- sequence: the Mamba stage of `hymamba_small` over that many tokens.
- processes: one step of pre-training `hymamba_small`, a batch of 1 in each process, gradients
  averaged; the processor's threads, or the cards, are shared out. The seconds are those of a crop.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.multiprocessing
from machine import finish, take_turns

import mambamim
from mambamim.catalogue import resolve_model
from mambamim.inference.cuda_runtime import CudaRuntime
from mambamim.inference.runtimes import TorchRuntime, choose_device
from mambamim.memory import keep_large_buffers
from mambamim.models import build_model
from mambamim.models.mamba import MambaStage

SIDES = (96, 144, 192, 240, 288)
BATCHES = (1, 2, 4, 8)
GRIDS = ((3, 3, 3), (6, 6, 6), (6, 12, 12), (12, 12, 12), (12, 24, 24), (24, 24, 24))
WIDTH, LAYERS = 240, 3
Works = dict[float, Callable[[], Any]]


def volume_works(device: torch.device) -> Works:
    """Voxels -> the work."""
    path = resolve_model("abdomen-small")
    segmenter = mambamim.Segmenter(path, device=str(device), runtime="torch")
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    rng = np.random.default_rng(0)
    works: Works = {}
    for side in SIDES:
        tissue = rng.normal(0, 60, (side, side, side)).astype(np.int16)
        works[side**3] = lambda tissue=tissue: segmenter.segment(tissue, affine)
    return works


def batch_works(device: torch.device) -> Works:
    """Windows -> the work."""
    torch.manual_seed(0)
    made = CudaRuntime if device.type == "cuda" else TorchRuntime
    runtime = made(build_model("hymamba_small"), device)
    works: Works = {}
    for batch in BATCHES:
        windows = torch.rand(batch, 1, 96, 96, 96, device=device)
        works[batch] = lambda windows=windows: runtime(windows, lambda: False)
    return works


def sequence_works(device: torch.device) -> Works:
    """Tokens -> the work."""
    torch.manual_seed(0)
    stage = MambaStage(WIDTH, LAYERS, bidirectional=True).eval().to(device)
    works: Works = {}
    for grid in GRIDS:
        features = torch.rand(1, WIDTH, *grid, device=device)

        def work(features: torch.Tensor = features) -> None:
            with torch.inference_mode():
                stage(features)

        works[math.prod(grid)] = work
    return works


def seconds_of_steps(rank: int, size: int, device: str, port: int, steps: int, told: Any) -> None:
    """One process of a training: tells its median seconds a step."""
    from pretraining import Stepper

    from mambamim.training.team import Team

    keep_large_buffers()
    if device == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size),
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
    )  # fmt: skip
    with Team.join(device) as team:
        stepper = Stepper("hymamba_small", "toki", 1, team)
        stepper.step()
        told.put(statistics.median(stepper.step() for _ in range(steps)))


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def time_processes(device: torch.device, steps: int) -> dict[float, float]:
    """Processes -> seconds a crop."""
    most = torch.cuda.device_count() if device.type == "cuda" else (os.cpu_count() or 1)
    taken = {}
    size = 1
    while size <= min(most, 8):
        context = torch.multiprocessing.get_context("spawn")
        told = context.SimpleQueue()
        arguments = (size, device.type, free_port(), steps, told)
        torch.multiprocessing.spawn(seconds_of_steps, arguments, size)
        taken[float(size)] = max(told.get() for _ in range(size)) / size
        size *= 2
    return taken


def rows_of(seconds: dict[float, float]) -> list[dict[str, Any]]:
    """Rows with the exponent from one to the next."""
    rows: list[dict[str, Any]] = []
    for size, taken in seconds.items():
        exponent = None
        if rows:
            before = rows[-1]
            exponent = math.log(taken / before["seconds"]) / math.log(size / before["size"])
        rows.append({"size": size, "seconds": taken, "exponent": exponent})
    return rows


def draw(tables: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """A panel a table, both axes logarithmic, with the line of linear cost through the first."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    units = {"volume": "voxels", "batch": "windows", "sequence": "tokens", "processes": "processes"}
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
        sizes, seconds = [r["size"] for r in rows], [r["seconds"] for r in rows]
        slope = -1 if name == "processes" else 1
        ideal = [seconds[0] * (size / sizes[0]) ** slope for size in sizes]
        axes.loglog(sizes, ideal, color="0.7", linewidth=1, label="linear")
        axes.loglog(sizes, seconds, "o-", color="#1f6f8b", label="measured")
        axes.set_xlabel(units[name])
        if len(sizes) < 5:  # few and close together: their own numbers are the ticks
            axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
            axes.set_xticks([], minor=True)
        axes.set_ylabel("seconds a crop" if name == "processes" else "seconds")
        axes.set_title(name)
        axes.grid(which="major", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    for axes in figure.axes:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    figure.savefig(path, dpi=110)


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="as mambamim segment takes it")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--json", type=Path, help="also write everything here")
    parser.add_argument("--picture", type=Path, help="also draw it here")
    options = parser.parse_args()
    keep_large_buffers()
    device = choose_device(options.device)
    made = {"volume": volume_works, "batch": batch_works, "sequence": sequence_works}
    seconds = {
        name: take_turns(make(device), options.repeats, device) for name, make in made.items()
    }
    seconds["processes"] = time_processes(device, options.repeats)
    tables = {name: rows_of(taken) for name, taken in seconds.items()}
    for name, rows in tables.items():
        print(f"\n{name:12} {'seconds':>10} exponent")
        for row in rows:
            told = "" if row["exponent"] is None else f"{row['exponent']:.2f}"
            print(f"{row['size']:12.0f} {row['seconds']:10.3f} {told}")
    if options.picture:
        draw(tables, options.picture)
    finish(tables, options.json)


if __name__ == "__main__":
    main()
