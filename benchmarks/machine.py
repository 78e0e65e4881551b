"""What the numbers of a benchmark were taken on, and how they are written down."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import torch

Name = TypeVar("Name")
PACKAGES = ("torch", "triton", "openvino", "monai", "mamba-ssm", "causal-conv1d", "numpy")


def machine() -> dict[str, str]:
    """Processor or graphics card, threads, system, and versions of what did the work."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": processor(),
        "graphics card": card,
        "threads": str(torch.get_num_threads()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **versions,
    }


def processor() -> str:
    """The processor's own name where the system tells it."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def wait_for(device: torch.device) -> None:
    """Until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def take_turns(
    works: dict[Name, Callable[[], Any]], repeats: int, device: torch.device
) -> dict[Name, float]:
    """Median seconds of each work, in turns, so that a machine that slows down favours none.

    Each is done once before, unmeasured. On a graphics card a work is done many times in a row, as
    long as a twentieth of a second takes, so that starting it is not what is measured.
    """
    rounds = {}
    for name, work in works.items():
        work()
        rounds[name] = 1
        if device.type == "cuda":
            rounds[name] = max(1, int(0.05 / max(_seconds(work, 1, device), 1e-5)))
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            taken[name].append(_seconds(work, rounds[name], device))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _seconds(work: Callable[[], Any], rounds: int, device: torch.device) -> float:
    wait_for(device)
    start = time.perf_counter()
    for _ in range(rounds):
        work()
    wait_for(device)
    return (time.perf_counter() - start) / rounds


def finish(rows: dict[str, Any], path: Path | None) -> None:
    """Print the machine, and write everything down where that was asked for."""
    facts = machine()
    print("\n" + ", ".join(f"{key} {value}" for key, value in facts.items()))
    if path:
        path.write_text(json.dumps({"machine": facts, **rows}, indent=1) + "\n", encoding="utf-8")
