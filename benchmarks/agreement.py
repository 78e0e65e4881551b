"""How far the labels of a faster way to run a network are from those of torch in fp32.

    python benchmarks/agreement.py SCAN... [--model abdomen-small] [--runtimes openvino-bf16]
        [--device cpu] [--json agreement.json]

For each scan and each runtime: the Dice of all organs against those of torch in fp32 on the CPU
(voxels of all organs together, then the mean and the lowest over organs of at least a millilitre),
and how many times as fast it was. Scans are named by number.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import finish

import mambamim
from mambamim.catalogue import resolve_model
from mambamim.data.volume import Volume, read_volume
from mambamim.inference.runtimes import choose_device
from mambamim.memory import keep_large_buffers
from mambamim.metrics import dice_per_label

SMALLEST_ML = 1.0  # of an organ that is scored: a handful of voxels says nothing


def labels_of(segmenter: mambamim.Segmenter, scan: Volume) -> tuple[np.ndarray, float]:
    """Labels of a scan and the seconds they took, the model warm."""
    start = time.perf_counter()
    labels = segmenter.segment(scan.array, scan.affine)
    return labels, time.perf_counter() - start


def compare(want: np.ndarray, got: np.ndarray, affine: np.ndarray) -> dict[str, float]:
    """Dice of two label maps: of all organs together, and over the organs that are large enough."""
    ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    values, counts = np.unique(want, return_counts=True)
    large = values[counts * ml >= SMALLEST_ML]
    by_organ = [dice for value, dice in dice_per_label(got, want).items() if value in large]
    found = int((want > 0).sum() + (got > 0).sum())
    same = int(((want == got) & (want > 0)).sum())
    return {
        "dice": 2 * same / found if found else 1.0,
        "mean": float(np.mean(by_organ)) if by_organ else 1.0,
        "lowest": min(by_organ, default=1.0),
    }


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path, nargs="+", help="files or DICOM folders")
    parser.add_argument("--model", default="abdomen-small", help="name or file")
    parser.add_argument("--runtimes", nargs="+", default=["openvino", "openvino-bf16"])
    parser.add_argument("--device", default="cpu", help="of the runtimes; torch runs on it in bf16")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    path = resolve_model(options.model)
    exact = mambamim.Segmenter(path, device="cpu", runtime="torch")
    device = str(choose_device(options.device))
    others = {
        name: mambamim.Segmenter(path, device=device, runtime=name) for name in options.runtimes
    }
    rows: list[dict[str, Any]] = []
    print(f"{'scan':>4} {'runtime':14} {'Dice':>8} {'mean':>8} {'lowest':>8} {'x as fast':>10}")
    for number, place in enumerate(options.scans, 1):
        scan = read_volume(place)
        want, exact_seconds = labels_of(exact, scan)
        for name, segmenter in others.items():
            labels_of(segmenter, scan)  # what is compiled on first use
            got, seconds = labels_of(segmenter, scan)
            row = {"scan": number, "runtime": name, **compare(want, got, scan.affine)}
            row |= {"seconds": seconds, "times_as_fast": exact_seconds / seconds}
            rows.append(row)
            print(
                f"{number:4d} {name:14} {row['dice']:8.4f} {row['mean']:8.4f} "
                f"{row['lowest']:8.4f} {row['times_as_fast']:10.2f}"
            )
    finish({"rows": rows}, options.json)


if __name__ == "__main__":
    main()
