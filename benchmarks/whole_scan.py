"""A scan as hospitals have them, from array to labels: 512 x 512 x 400 voxels of 0.75 mm.

    python benchmarks/whole_scan.py [--device auto] [--models abdomen-small hymamba]
        [--json whole_scan.json]

Seconds of the first scan of a process, which on a graphics card compiles kernels that the machine
has not seen before, and of later ones (median). A model is one of the catalogue, a file, or the
name of a network, which then has 20 organs and fresh weights: its labels are noise, and more of
them have to be interpolated and cleaned than of any patient. On a CPU it takes minutes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from fresh_checkpoint import make_checkpoint
from machine import finish

import mambamim
from mambamim.catalogue import resolve_model
from mambamim.data.phantom import make_phantom
from mambamim.inference.runtimes import choose_device
from mambamim.memory import keep_large_buffers
from mambamim.models import model_names


def make_scan() -> tuple[np.ndarray, np.ndarray]:
    """A phantom of half the size, every voxel eight times, and its affine."""
    phantom = make_phantom(seed=7, shape=(256, 256, 200))
    ct = phantom.ct
    for axis in range(3):
        ct = ct.repeat(2, axis)
    return ct, phantom.affine @ np.diag([0.5, 0.5, 0.5, 1.0])


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="as mambamim segment takes it")
    parser.add_argument("--models", nargs="+", default=["abdomen-small", "hymamba"])
    parser.add_argument("--repeats", type=int, default=3, help="timed scans after the first")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    device = str(choose_device(options.device))
    ct, affine = make_scan()
    rows = []
    print(f"{'model':14} {'first scan':>11} {'later':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            fresh = name in model_names()
            model = make_checkpoint(name, Path(folder)) if fresh else resolve_model(name)
            segmenter = mambamim.Segmenter(model, device=device)
            seconds = []
            for _ in range(1 + options.repeats):
                start = time.perf_counter()
                segmenter.segment(ct, affine)
                seconds.append(time.perf_counter() - start)
            row = {"model": name, "first": seconds[0], "later": statistics.median(seconds[1:])}
            rows.append(row)
            print(f"{name:14} {row['first']:9.2f} s {row['later']:6.2f} s")
    finish({"rows": rows}, options.json)


if __name__ == "__main__":
    main()
