"""Our networks beside those a user would take instead, on this machine, in one run.

    python benchmarks/rivals.py [--device auto] [--batch 4] [--json rivals.json]

First milliseconds of one 96^3 window with 20 organs, each network as `Segmenter` runs it: on a CPU
in torch and, where it is installed, OpenVINO (fp32 and bf16); on a graphics card in bf16, `--batch`
windows at once. Then seconds of a whole 240x240x200 volume at 1.5 mm, from array to labels, with
abdomen-small and with a SegResNet of the shape of MONAI's whole-body bundle, the same windows and
everything around them alike. The networks take turns; medians. Fresh weights, but for
abdomen-small's: what they are costs no time.
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

import mambamim
from mambamim.catalogue import resolve_model
from mambamim.data.phantom import make_phantom
from mambamim.inference.openvino_runtime import is_installed
from mambamim.inference.runtimes import choose_device
from mambamim.memory import keep_large_buffers

NETWORKS = ("hymamba_small", "hymamba", "segresnet", "unet", "unetr", "swin_unetr")
RIVAL = "segresnet"


def time_windows(
    device: torch.device, batch: int, repeats: int, folder: Path
) -> list[dict[str, Any]]:
    """Rows of milliseconds a window, the fastest way of each network marked."""
    windows = torch.rand(batch, 1, SIDE, SIDE, SIDE, device=device)
    works: dict[str, Callable[[], Any]] = {}
    for name in NETWORKS:
        for way, runtime in runtimes(make_checkpoint(name, folder), device, folder).items():
            works[f"{name} {way}"] = lambda runtime=runtime: runtime(windows, never)
    seconds = take_turns(works, repeats, device)
    ours = min(value for key, value in seconds.items() if key.startswith("hymamba_small "))
    return [
        {
            "network": key.split()[0],
            "runtime": key.split()[1],
            "ms_per_window": 1000 * value / batch,
            "times_hymamba_small": value / ours,
        }
        for key, value in seconds.items()
    ]


def time_volumes(device: torch.device, repeats: int, folder: Path) -> list[dict[str, Any]]:
    """Rows of seconds a volume."""
    phantom = make_phantom(seed=7, shape=(240, 240, 200))
    ours = resolve_model("abdomen-small")
    rival = make_checkpoint(RIVAL, folder)
    works: dict[str, Callable[[], Any]] = {}

    def add(name: str, checkpoint: Any, runtime: str, quality: str) -> None:
        segmenter = mambamim.Segmenter(checkpoint, device=str(device), runtime=runtime)
        works[f"{name}|{runtime}|{quality}"] = lambda: segmenter.segment(
            phantom.ct, phantom.affine, quality=quality
        )

    compiled = device.type == "cpu" and is_installed()
    for runtime in ("torch", *(("openvino", "openvino-bf16") if compiled else ())):
        for quality in ("full", "coarse"):
            add("abdomen-small", ours, runtime, quality)
        add(RIVAL, rival, runtime, "full")
    seconds = take_turns(works, repeats, device)
    rows = []
    for key, value in seconds.items():
        name, runtime, quality = key.split("|")
        ratio = value / seconds[f"{RIVAL}|{runtime}|full"]
        rows.append(
            {
                "model": name,
                "runtime": runtime,
                "quality": quality,
                "seconds": value,
                "share": ratio,
            }
        )
    return rows


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="as mambamim segment takes it")
    parser.add_argument("--batch", type=int, help="windows at once: 4 on a card, 1 on a CPU")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    device = choose_device(options.device)
    batch = options.batch or (4 if device.type == "cuda" else 1)
    with tempfile.TemporaryDirectory() as name:
        windows = time_windows(device, batch, options.repeats, Path(name))
        print(f"{'network':14} {'runtime':14} {'ms/window':>10} {'x hymamba_small':>16}")
        for row in windows:
            print(
                f"{row['network']:14} {row['runtime']:14} {row['ms_per_window']:10.1f} "
                f"{row['times_hymamba_small']:16.1f}"
            )
        volumes = time_volumes(device, options.repeats, Path(name))
        print(f"\n240x240x200 at 1.5 mm, from array to labels; share of {RIVAL}'s time:")
        for row in volumes:
            print(
                f"{row['model']:14} {row['runtime']:14} {row['quality']:7} "
                f"{row['seconds']:7.1f} s {row['share']:6.2f}"
            )
    finish({"windows": windows, "volumes": volumes}, options.json)


if __name__ == "__main__":
    main()
