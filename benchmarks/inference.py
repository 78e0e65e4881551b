"""How long a window and a whole volume take, by network and runtime, on this machine.

    python benchmarks/inference.py [--json results.json] [--repeats 5]

Prints one table: milliseconds per 96^3 window (median), the largest difference of a score from
torch's and the share of voxels with the same label, then seconds for a
240x240x200 volume at 1.5 mm from array to labels. "plain torch" is torch without
`mambamim.memory.keep_large_buffers`, timed first because that cannot be undone. All others take
turns, so that a machine whose speed drifts does not favour one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from machine import finish

import mambamim
from mambamim.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mambamim.data.phantom import make_phantom
from mambamim.inference.openvino_runtime import OpenVINORuntime, is_installed
from mambamim.inference.runtimes import Runtime, TorchRuntime
from mambamim.memory import keep_large_buffers

NETWORKS = ("hymamba_small", "hymamba")
NUM_CLASSES = 21


def never() -> bool:
    """Not cancelled."""
    return False


def make_checkpoint(name: str, folder: Path) -> Checkpoint:
    """A network with fresh weights: time does not depend on what they are."""
    torch.manual_seed(0)
    model = mambamim.build_model(name, num_classes=NUM_CLASSES).eval()
    path = folder / f"{name}.safetensors"
    save_checkpoint(path, model, labels={v: f"class_{v}" for v in range(1, NUM_CLASSES)})
    return load_checkpoint(path)


def make_window() -> torch.Tensor:
    """Noise, where differences show."""
    return torch.rand(1, 1, 96, 96, 96, generator=torch.Generator().manual_seed(0))


def seconds_of(runtime: Runtime) -> float:
    """One window."""
    window = make_window()
    start = time.perf_counter()
    runtime(window, never)
    return time.perf_counter() - start


def time_plain_torch(checkpoint: Checkpoint, repeats: int) -> float:
    """Median seconds of a window in torch as it comes."""
    runtime = TorchRuntime(checkpoint.model, torch.device("cpu"))
    runtime(make_window(), never)
    return statistics.median(seconds_of(runtime) for _ in range(repeats))


def time_windows(
    checkpoint: Checkpoint, folder: Path, repeats: int, plain_seconds: float
) -> list[dict]:
    """Rows of one network: a runtime each."""
    runtimes: list[Runtime] = [TorchRuntime(checkpoint.model, torch.device("cpu"))]
    if is_installed():
        runtimes += [OpenVINORuntime(checkpoint, folder / "compiled", p) for p in ("f32", "bf16")]
    scores = [runtime(make_window(), never) for runtime in runtimes]  # also the warm-up
    seconds: list[list[float]] = [[] for _ in runtimes]
    for _ in range(repeats):
        for number, runtime in enumerate(runtimes):
            seconds[number].append(seconds_of(runtime))
    rows = [
        {
            "network": checkpoint.header.name,
            "runtime": "plain torch",
            "ms_per_window": 1000 * plain_seconds,
            "times_torch": 1.0,
            "largest_difference": 0.0,
            "same_label": 1.0,
        }
    ]
    for runtime, times, got in zip(runtimes, seconds, scores, strict=True):
        rows.append(
            {
                "network": checkpoint.header.name,
                "runtime": "torch f32" if runtime.name == "torch" else runtime.name,
                "ms_per_window": 1000 * statistics.median(times),
                "times_torch": plain_seconds / statistics.median(times),
                "largest_difference": float((got - scores[0]).abs().max()),
                "same_label": float((got.argmax(1) == scores[0].argmax(1)).float().mean()),
            }
        )
    return rows


def time_volume() -> list[dict]:
    """Seconds from array to labels for a phantom of 240x240x200, shipped model, by runtime."""
    phantom = make_phantom(seed=7, shape=(240, 240, 200))
    rows = []
    for runtime in ("torch", *(("openvino", "openvino-bf16") if is_installed() else ())):
        for quality in ("full", "coarse"):
            path = mambamim.catalogue.resolve_model("abdomen-small")
            segmenter = mambamim.Segmenter(path, device="cpu", runtime=runtime)
            start = time.perf_counter()
            segmenter.segment(phantom.ct, phantom.affine, quality=quality)
            seconds = time.perf_counter() - start
            rows.append({"runtime": runtime, "quality": quality, "seconds": seconds})
    return rows


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write everything here")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each window")
    options = parser.parse_args()
    windows = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = [make_checkpoint(name, Path(folder)) for name in NETWORKS]
        plain = [time_plain_torch(checkpoint, options.repeats) for checkpoint in checkpoints]
        keep_large_buffers()
        for checkpoint, seconds in zip(checkpoints, plain, strict=True):
            windows += time_windows(checkpoint, Path(folder), options.repeats, seconds)
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
    volumes = time_volume()
    print("\n240x240x200 at 1.5 mm, abdomen-small, array to labels:")
    for row in volumes:
        print(f"{row['runtime']:14} {row['quality']:7} {row['seconds']:7.1f} s")
    finish({"windows": windows, "volumes": volumes}, options.json)


if __name__ == "__main__":
    main()
