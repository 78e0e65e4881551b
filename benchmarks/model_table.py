"""Parameters, work, memory and CPU time of every network, as a table.

    python benchmarks/model_table.py [--write docs/models.md]

Prints the table, and puts it between that file's markers.

One 96^3 window, 14 classes, plain torch in fp32. Each network runs in a process of its own, so that
peak memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from mambamim.models import build_model, model_names

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
WINDOW, CLASSES = (1, 1, 96, 96, 96), 14
ENOUGH = 10.0  # seconds of timing: fast networks get more repeats


@dataclass(frozen=True)
class Row:
    """One network's figures: millions, GFLOP, GB, seconds (best)."""

    name: str
    parameters: float
    work: float
    memory: float
    seconds: float


def measure(name: str, threads: int, repeats: int) -> Row:
    """Build `name` and run it on one window, once to warm up and then at least `repeats` times."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = build_model(name, num_classes=CLASSES).eval()
    volume = torch.rand(WINDOW)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(volume)
        seconds: list[float] = []
        while len(seconds) < repeats or sum(seconds) < ENOUGH:
            start = time.perf_counter()
            model(volume)
            seconds.append(time.perf_counter() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB elsewhere
    parameters = sum(p.numel() for p in model.parameters())
    work = counter.get_total_flops() / 1e9
    return Row(name, parameters / 1e6, work, grown * unit / 1e9, min(seconds))


def table(rows: list[Row]) -> str:
    """The rows in Markdown; the last column compares with the first row."""
    lines = [
        "| network | parameters (M) | work (GFLOP) | memory (GB) | CPU time (s) | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| `{row.name}` | {row.parameters:.1f} | {row.work:.0f} | {row.memory:.1f} "
            f"| {row.seconds:.2f} | {rows[0].seconds / row.seconds:.1f} |"
        )
    return "\n".join(lines)


def put_between_markers(path: Path, text: str) -> None:
    """Replace what stands between the markers in `path`."""
    head, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a Markdown file with the markers")
    asked = parser.parse_args()
    rows = []
    for name in model_names():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, (name, asked.threads, asked.repeats)))
        print(rows[-1], file=sys.stderr)
    machine = (
        f"One 96^3 window, {CLASSES} classes, fp32, best of at least {asked.repeats}; "
        f"{platform.machine()}, {asked.threads} threads, torch {torch.__version__}."
    )
    text = f"{table(rows)}\n\n{machine}"
    print(text)
    if asked.write:
        put_between_markers(asked.write, text)


if __name__ == "__main__":
    main()
