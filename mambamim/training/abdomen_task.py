"""The abdominal model as a task of the training loop: painted and real crops, Dice on a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mambamim.data.intensity import rule_for
from mambamim.data.synthetic.anatomy_bank import Anatomy
from mambamim.data.synthetic.real_case import RealCase
from mambamim.data.synthetic.synthetic_crops import SyntheticCrops
from mambamim.errors import BadInputError, CheckpointError
from mambamim.metrics import dice_per_label
from mambamim.models import build_model
from mambamim.pretraining.transfer import start_from
from mambamim.training.segmentation_loss import SegmentationLoss
from mambamim.training.segmentation_task import segment_values

NAME = "abdomen-small"
_NETWORK = "hymamba_small"
_NO_FACTS = ("start_from",)  # may differ between the calls of one run


@dataclass(frozen=True)
class AbdomenSettings:
    """What is trained on.

    Attributes:
        size: voxels along a crop's side.
        real_share: of crops of labelled scans; the others are painted.
        coarse_share: of crops at 3 mm instead of 1.5.
        hold_back: name of the body and scan that are only validated on; "" learns from all, and
            validates on a scan that was seen.
        start_from: checkpoint to begin with, a pre-training or a network of the same classes.
    """

    size: int = 128
    real_share: float = 0.2
    coarse_share: float = 0.2
    hold_back: str = ""
    start_from: str = ""


class AbdomenTask:
    """See the attributes of `TrainingTask`.

    Args:
        anatomies: bodies to paint.
        cases: labelled scans.
        settings: what is trained on.
        seed: of weights and crops.
        device: where crops are painted.

    Raises:
        BadInputError: nothing of the name that is to be held back, or nothing is left.
        CheckpointError: what to start from does not fit.
    """

    inputs: tuple[str, ...] = ("image", "label")

    def __init__(
        self,
        anatomies: Sequence[Anatomy],
        cases: Sequence[RealCase],
        settings: AbdomenSettings,
        seed: int,
        device: torch.device,
    ) -> None:
        torch.manual_seed(seed)
        self.settings, held = settings, settings.hold_back
        if held and held not in {case.name for case in cases}:
            raise BadInputError(f"The bank has no labelled scan {held}.", "Look for case-*.npz.")
        # The label map of a scan is a body of its own: it must not be learnt from either.
        self._anatomies = [body for body in anatomies if body.name != held]
        self._cases = [case for case in cases if case.name != held]
        real = [case for case in cases if case.source["kind"] == "real"]
        tried = [case for case in cases if case.name == held] if held else real[:1]
        self._tried = tried[0] if tried else None
        network = build_model(_NETWORK, num_classes=len(ABDOMEN_LABELS) + 1)
        self._begun = _start(network, Path(settings.start_from)) if settings.start_from else None
        crops = SyntheticCrops(
            self._anatomies,
            self._cases,
            settings.size,
            seed,
            device,
            settings.real_share,
            settings.coarse_share,
        )
        self.dataset: Dataset[dict[str, Any]] = crops
        self.module: nn.Module = SegmentationLoss(network, crops.sets)
        chosen = {k: v for k, v in asdict(settings).items() if k not in _NO_FACTS}
        self.facts: dict[str, Any] = {
            **chosen,
            "anatomies": sorted(body.name for body in self._anatomies),
            "cases": sorted(case.name for case in self._cases),
        }

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Dice of each class of a real scan, and their mean; "seen_" where it was learnt from."""
        if self._tried is None:
            return {}
        assert isinstance(module, SegmentationLoss)
        known = self._tried.labels < SyntheticCrops.sets.classes
        found = _segment(module.network, self._tried, self.settings.size) * known
        scores = dice_per_label(found, self._tried.labels * known)
        scores.pop(0, None)
        before = "" if self.settings.hold_back else "seen_"
        mean = float(np.mean(list(scores.values()))) if scores else 0.0
        each = {f"{before}dice_{ABDOMEN_LABELS[value]}": dice for value, dice in scores.items()}
        return {f"{before}dice": mean, **each}

    def publish(self, module: nn.Module, run: Path, step: int, scores: dict[str, float]) -> None:
        """Write the network as a checkpoint in half precision."""
        assert isinstance(module, SegmentationLoss)
        save_checkpoint(
            run / f"{NAME}.safetensors",
            module.network,
            labels=ABDOMEN_LABELS,
            weights_dtype="float16",
            name=NAME,
            title="Abdominal organs in CT, small and fast",
            patch_size=[self.settings.size] * 3,
            licence="Apache-2.0",
            training={"data": self._data(), "steps": step, "scores": scores},
        )

    def _data(self) -> list[dict[str, str]]:
        """What the network has seen: painted over label maps, real, pseudo-labelled, before."""
        synthetic = [
            {**body.source, "use": "synthetic CT painted over its labels"}
            for body in self._anatomies
        ]
        uses = {"real": "CT with its labels", "pseudo": "CT with a network's labels"}
        real = [
            {
                "name": case.source["name"],
                "licence": case.source["licence"],
                "use": uses[case.source["kind"]],
            }
            for case in self._cases
        ]
        seen = synthetic + real
        if self._begun is not None:
            name = self._begun.header.name or self._begun.path.stem
            seen.append({"name": name, "licence": self._begun.header.licence, "use": "begun with"})
            earlier = self._begun.header.training.get("data", [])
            seen += earlier if isinstance(earlier, list) else []
        return [entry for i, entry in enumerate(seen) if entry not in seen[:i]]


def _start(network: nn.Module, path: Path) -> Checkpoint:
    """Take the weights of a pre-training, or of an earlier abdominal model.

    Raises:
        CheckpointError: its network or its classes are others.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.header.kind == "pretraining":
        start_from(network, checkpoint)
        return checkpoint
    try:
        if checkpoint.labels != ABDOMEN_LABELS:
            raise RuntimeError("other classes")
        network.load_state_dict(checkpoint.model.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"{path.name} is no network of this kind and these classes.",
            "Take a pre-training, or an earlier abdominal model.",
        ) from error
    return checkpoint


def _segment(network: nn.Module, case: RealCase, size: int) -> np.ndarray:
    """Classes of a whole case, (D, H, W) uint8."""
    rule = rule_for("CT")
    scaled = rule.apply(case.fine_hu(), (rule.low, rule.high))
    return segment_values(network, scaled, (size,) * 3)
