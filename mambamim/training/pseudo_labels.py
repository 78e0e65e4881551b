"""Labels that networks give a scan without labels: what they agree on and what can be.

Self-training only helps where the labels are right, so all that is doubtful becomes unknown, which
counts for nothing in the loss.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import binary_dilation, label
from torch import nn

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.checkpoints import load_checkpoint
from mambamim.data.class_sets import UNKNOWN
from mambamim.data.intensity import rule_for
from mambamim.data.synthetic.anatomy_bank import MM
from mambamim.data.synthetic.real_case import RealCase
from mambamim.inference.runtimes import choose_device
from mambamim.training.abdomen_bank import load_bank
from mambamim.training.segmentation_task import window_logits

logger = logging.getLogger(__name__)
_AGREED = 0.8  # Dice between two predictions of an organ
_SURE = 0.75  # mean probability of a voxel's class
_AROUND = 3  # voxels around what is doubtful
_MLS = MM**3 / 1000


@dataclass(frozen=True)
class Limits:
    """What an organ can be.

    Attributes:
        least_ml: of one that lies wholly in the scan.
        most_ml: of any.
        pieces: whether it may come in several.
        side: 1 lies right of the spine, -1 left, 0 anywhere.
    """

    least_ml: float
    most_ml: float
    pieces: bool = False
    side: int = 0


LIMITS: dict[str, Limits] = {
    "spleen": Limits(40, 1200, side=-1),
    "kidney_right": Limits(60, 450, side=1),
    "kidney_left": Limits(60, 450, side=-1),
    "gallbladder": Limits(2, 200, side=1),
    "esophagus": Limits(1, 80),
    "liver": Limits(500, 4000, side=1),
    "stomach": Limits(30, 2500, side=-1),
    "aorta": Limits(15, 500),
    "inferior_vena_cava": Limits(15, 250),
    "portal_vein_and_splenic_vein": Limits(3, 150, pieces=True),
    "pancreas": Limits(20, 250),
    "adrenal_gland_right": Limits(0.7, 20, side=1),
    "adrenal_gland_left": Limits(0.7, 20, side=-1),
    "duodenum": Limits(15, 250, pieces=True),
    "small_bowel": Limits(50, 3500, pieces=True),
    "colon": Limits(50, 4000, pieces=True),
    "urinary_bladder": Limits(10, 1500),
    "lungs": Limits(20, 12000, pieces=True),
    "heart": Limits(200, 1800),
    "vertebrae": Limits(20, 2500, pieces=True),
}
_SPINE = next(value for value, name in ABDOMEN_LABELS.items() if name == "vertebrae")


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one network makes of a scan, on the grid of its labels.

    Attributes:
        fine: (D, H, W) uint8, from voxels of 1.5 mm.
        coarse: the same, from voxels of 3 mm.
        sure: (D, H, W) float32, probability of the class in `fine`.
    """

    fine: np.ndarray
    coarse: np.ndarray
    sure: np.ndarray


def label_bank(bank: Path, models: Sequence[Path], device: str = "auto") -> None:
    """Give every unlabelled scan of a bank the labels that all models agree on.

    Labels that an earlier call gave are replaced.

    Args:
        bank: folder of `prepare_bank`.
        models: checkpoints of the abdominal model.
        device: to run them on.

    Raises:
        BadInputError: no bank.
        CheckpointError: a checkpoint that cannot be read.
    """
    _, cases = load_bank(bank)
    place = choose_device(device)
    networks = []
    for path in models:
        checkpoint = load_checkpoint(path)
        size = tuple(checkpoint.header.patch_size)
        networks.append((checkpoint.model.to(place).eval(), size))
    for case in cases:
        if case.source["kind"] != "pseudo":
            continue
        labels = combine([_ask(network, case, size) for network, size in networks])
        replace(case, labels=labels).save(bank / f"case-{case.name}.npz")
        known = [name for value, name in ABDOMEN_LABELS.items() if (labels == value).any()]
        unknown = float((labels == UNKNOWN).mean())
        logger.info("%s: %.0f %% unknown; %s", case.name, 100 * unknown, ", ".join(known))


def combine(opinions: Sequence[Opinion]) -> np.ndarray:
    """What is taken as true of one scan, (D, H, W) uint8; 255 unknown.

    A voxel keeps its class where all networks give it at 1.5 mm and are sure of it. An organ is
    unknown, with what surrounds it, where two predictions of it differ too much, or where it has
    a size or a place that it cannot have; so is what is apart from an organ of one piece.
    """
    first = opinions[0].fine
    agreed = np.mean([opinion.sure for opinion in opinions], axis=0) >= _SURE
    for opinion in opinions[1:]:
        agreed &= opinion.fine == first
    result = np.where(agreed, first, np.uint8(UNKNOWN))
    maps = [m for opinion in opinions for m in (opinion.fine, opinion.coarse)]
    spine = _middle(first == _SPINE) or first.shape[0] / 2
    for value, name in ABDOMEN_LABELS.items():
        members = [found == value for found in maps]
        anywhere = np.logical_or.reduce(members)
        if not anywhere.any():
            continue
        alike = min(_dice(one, other) for one, other in combinations(members, 2))
        doubt = anywhere
        if alike >= _AGREED:
            organ, doubt = _pieces(members[0], LIMITS[name])
            if not _can_be(organ, LIMITS[name], spine):
                doubt = anywhere
        if doubt.any():
            result[binary_dilation(doubt, iterations=_AROUND)] = UNKNOWN
    return result


def _ask(network: nn.Module, case: RealCase, size: tuple[int, ...]) -> Opinion:
    """One network's opinion of a case."""
    rule = rule_for("CT")
    values = rule.apply(case.fine_hu(), (rule.low, rule.high))
    shares = window_logits(network, values, size).float().softmax(0)
    sure, fine = shares.max(0)
    halved = F.avg_pool3d(torch.from_numpy(values)[None, None], 2, ceil_mode=True)[0, 0].numpy()
    found = window_logits(network, halved, size).argmax(0)
    for axis in range(3):
        found = found.repeat_interleave(2, axis).narrow(axis, 0, values.shape[axis])
    both = [labels.to(torch.uint8).cpu().numpy() for labels in (fine, found)]
    return Opinion(both[0], both[1], sure.cpu().numpy())


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    both = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / both if both else 1.0


def _pieces(mask: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """The organ, and what of the mask is not taken for it."""
    if limits.pieces:
        return mask, np.zeros_like(mask)
    parts, count = label(mask)
    if count < 2:
        return mask, np.zeros_like(mask)
    organ = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    return organ, mask & ~organ


def _can_be(organ: np.ndarray, limits: Limits, spine: float) -> bool:
    """Whether size and side are those of the organ; one cut by the scan's end may be small."""
    ml = float(organ.sum()) * _MLS
    cut = bool(organ[:, :, 0].any() or organ[:, :, -1].any())
    if ml > limits.most_ml or (ml < limits.least_ml and not cut):
        return False
    return limits.side == 0 or ((_middle(organ) or 0.0) - spine) * limits.side > 0


def _middle(mask: np.ndarray) -> float | None:
    """Mean index along right."""
    counts = mask.sum((1, 2))
    return float(np.average(np.arange(len(counts)), weights=counts)) if counts.any() else None
