"""Brains with a tumour that three channels together tell, and what its regions are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scan_files import save

MM = (3.0, 3.0, 3.0)
SHAPE = (24, 20, 22)
CHANNELS = ("T1w", "T2w", "FLAIR")
LABELS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}
CONTENT = {"labels": LABELS, "regions_class_order": [1, 2, 3]}


def tumour(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Channels (3, D, H, W) and labels; each of three channels is bright in one region."""
    rng = np.random.default_rng(number)
    label = np.zeros(SHAPE, np.uint8)
    x, y, z = rng.integers(3, 6, 3)
    label[x : x + 14, y : y + 11, z : z + 12] = 1
    label[x + 2 : x + 12, y + 2 : y + 9, z + 2 : z + 10] = 2
    label[x + 4 : x + 10, y + 3 : y + 8, z + 3 : z + 9] = 3
    channels = np.stack([600.0 * (label >= least) for least in (3, 2, 1)])
    channels += rng.normal(300, 15, channels.shape)
    channels[:, :2] = 0  # beyond the head
    return channels.astype(np.float32), label


def tumours(folder: Path, how: str, count: int = 3) -> Path:
    """A data set: "4D" and "list" as Decathlon has them, or "nnunet"."""
    content: dict = {**CONTENT, "modality": dict(enumerate(CHANNELS)), "training": []}
    for number in range(count):
        channels, label = tumour(number)
        save(folder / "labelsTr" / f"b{number}.nii.gz", label, MM)
        entry: dict = {"label": f"labelsTr/b{number}.nii.gz"}
        if how == "4D":
            save(folder / "imagesTr" / f"b{number}.nii.gz", np.moveaxis(channels, 0, -1), MM)
            entry["image"] = f"imagesTr/b{number}.nii.gz"
        else:
            names = [f"imagesTr/b{number}_{c:04}.nii.gz" for c in range(3)]
            for name, channel in zip(names, channels, strict=True):
                save(folder / name, channel, MM)
            entry["image"] = names
        content["training"].append(entry)
    if how == "nnunet":
        content = {**CONTENT, "channel_names": content["modality"]}
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
