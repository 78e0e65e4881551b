"""What this computer has for the work, and what will be used of it."""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import mambamim
from mambamim.catalogue import list_models, model_folders, user_folder

_LOG = logging.getLogger(__name__)
_GIB = 1024**3
_PACKAGES = ("torch", "monai", "nibabel", "SimpleITK", "safetensors", "numpy", "scipy")
_RUNTIMES = ("openvino", "mamba-ssm", "causal-conv1d", "triton", "matplotlib")


def diagnose() -> dict[str, Any]:
    """Look around; works, and says so, where torch or anything else is missing.

    Returns:
        A JSON-able dict: versions, devices, runtimes, scan backends, models, memory and disk (GiB).
    """
    return {
        "mambamim": mambamim.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": {name: version_of(name) for name in _PACKAGES},
        "optional": {name: version_of(name) for name in _RUNTIMES},
        "devices": list_devices(),
        "selective_scan": _scan_backends(),
        "models": [
            {"name": m.name, "state": m.problem or ("ready" if m.usable else "not installed")}
            for m in list_models()
        ],
        "model_folders": [str(folder) for folder in model_folders()],
        "memory_gib": _memory(),
        "free_disk_gib": _free_disk(user_folder()),
    }


def version_of(package: str) -> str | None:
    """The installed version of a package, None if it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def list_devices() -> list[dict[str, Any]]:
    """What can compute here: the CPU first, then each GPU; without torch the CPU alone.

    Returns:
        Rows with `device` (as `Segmenter` takes it) and `name`; a CPU has `cores` and, with torch,
        `threads`; a CUDA GPU has `memory_gib`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices: list[dict[str, Any]] = [{"device": "cpu", "name": _cpu_name(), "cores": cores}]
    try:
        import torch
    except ImportError as error:
        _LOG.info("torch cannot be imported: %s", error)
        return devices
    devices[0]["threads"] = torch.get_num_threads()
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        devices.append(
            {
                "device": f"cuda:{index}",
                "name": facts.name,
                "memory_gib": round(facts.total_memory / _GIB, 1),
            }
        )
    if torch.backends.mps.is_available():
        devices.append({"device": "mps", "name": "Apple GPU"})
    return devices


def _cpu_name() -> str:
    table = Path("/proc/cpuinfo")
    for line in table.read_text(encoding="utf-8").splitlines() if table.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _scan_backends() -> dict[str, str]:
    try:
        from mambamim.ops.selective_scan import describe_backends
    except ImportError as error:
        return {"none": f"torch is missing or broken ({error})"}
    return dict(describe_backends())


def _memory() -> dict[str, float] | None:
    """Total and available memory in GiB, None where the system does not tell."""
    if sys.platform == "win32":
        return _windows_memory()
    table = Path("/proc/meminfo")
    if table.exists():
        lines = (line.split() for line in table.read_text(encoding="ascii").splitlines())
        kib = {parts[0].rstrip(":"): int(parts[1]) for parts in lines}
        return {
            "total": round(kib["MemTotal"] / 1024**2, 1),
            "available": round(kib["MemAvailable"] / 1024**2, 1),
        }
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"total": round(total / _GIB, 1)}


def _windows_memory() -> dict[str, float] | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *(
                (name, ctypes.c_ulonglong)
                for name in ("total", "available", "a", "b", "c", "d", "e")
            ),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the name exists on Windows only
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return {
        "total": round(status.total / _GIB, 1),
        "available": round(status.available / _GIB, 1),
    }


def _free_disk(folder: Path) -> float:
    """Free space in GiB where the user's folder is or would be."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return round(shutil.disk_usage(existing).free / _GIB, 1)
