"""What a worker gives for a reconstruction of a small volume, and pre-trained models to choose."""

from pathlib import Path

import numpy as np
from model_files import write_model
from segmenter_scene import SHAPE

LOW, HIGH = -175, 250
OPTIONS = {
    "image_size": 96, "mask_ratio": 0.75, "fill": "toki", "transition": "diagonal",
    "form": "equation8", "bottom_up": True, "skips": True, "target": "normalised",
    "in_channels": 1, "width": 192,
}  # fmt: skip


def write_volumes(folder: Path, percent=75, shape=SHAPE, shift=0) -> list[str]:
    """The worker's arrays: a ramp of which the first half of I is masked; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    i = np.arange(shape[0])[:, None, None]
    given = np.broadcast_to(np.linspace(LOW, HIGH, shape[0])[:, None, None], shape)
    masked = np.where(i < shape[0] // 2, LOW, given)
    made = np.where(i < shape[0] // 2, given + 20 + shift, given).clip(LOW, HIGH)
    arrays = {
        "masked": masked.astype(np.int16),
        "reconstruction": made.astype(np.int16),
        "error": np.abs(made - given).astype(np.int16),
        "visible": np.broadcast_to(i >= shape[0] // 2, shape).astype(np.uint8),
    }
    paths = []
    for name, array in arrays.items():
        paths.append(str(folder / f"{name}_{percent}.npy"))
        np.save(paths[-1], array)
    return paths


def by_role(paths: list[str]) -> dict[str, str]:
    """The paths by the role that their volume has in the scene."""
    found = {Path(path).name.split("_")[0]: path for path in paths}
    return {**found, "mask": found["visible"]}


def result(paths: list[str], ratio=0.75, psnr=20.0) -> dict:
    """What the job gives."""
    score = {"ratio": ratio, "share": ratio, "mse": 10 ** (-psnr / 10), "psnr": psnr}
    return {
        "output": str(Path(paths[0]).parent),
        "files": paths,
        "seconds": 1.5,
        "seed": 0,
        "scores": [{**score, "own_moments": True}],
        "runtime": {"model": "mim", "sha256": "b" * 64, "device": "cpu"},
    }


def write_pretrained(path: Path, **fields) -> Path:
    """A pre-trained model of the catalogue; `pretraining={}` leaves its decoder out."""
    architecture = {"name": "hymamba_small", "num_classes": 1, "in_channels": 1}
    defaults = {
        "kind": "pretraining", "labels": {}, "architecture": architecture, "title": "Pre-trained",
        "pretraining": OPTIONS,
    }  # fmt: skip
    return write_model(path, **{**defaults, **fields})
