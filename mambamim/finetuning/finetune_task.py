"""Fine-tuning as a task of the training loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from mambamim.checkpoints import save_checkpoint
from mambamim.data.class_sets import UNKNOWN, ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.regions import Regions
from mambamim.finetuning.augmentation import AugmentedCrops, ByteLabels, augmented_inputs
from mambamim.finetuning.best_checkpoint import BestCheckpoint
from mambamim.finetuning.finetune_settings import FinetuneSettings
from mambamim.finetuning.labelled_case import LabelledCase
from mambamim.finetuning.network import network_to_tune
from mambamim.metrics import dice_per_label
from mambamim.training.patience import WATCHED
from mambamim.training.segmentation_loss import RegionLoss, SegmentationLoss
from mambamim.training.segmentation_task import segment_case, window_logits

# What may differ between the calls of one run: it changes no weight.
_NO_FACTS = ("start_from", "name", "title", "trained_on", "licence", "channels")
ZOOM = {"none": 0.0, "paper": 0.0, "strong": 0.15}


class FinetuneTask:
    """Crops of labelled cases, and Dice + cross-entropy; of regions that overlap, binary.

    Args:
        cases: to learn from.
        validation: cases that are kept apart and segmented whole; their mean Dice is the score.
        settings: of the network and its data.
        sets: what label values mean.
        seed: of weights and crops.

    Attributes:
        watch: given what each validation finds in the first of its cases, (D, H, W) uint8 on the
            prepared grid; None for nobody. Not of regions.
    """

    inputs: tuple[str, ...]
    watch: Callable[[np.ndarray], None] | None = None

    def __init__(
        self,
        cases: Sequence[LabelledCase],
        validation: Sequence[LabelledCase],
        settings: FinetuneSettings,
        sets: ClassSets | Regions,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        self.settings, self._cases, self._validation = settings, tuple(cases), tuple(validation)
        self._sets = sets
        network = network_to_tune(
            settings.network,
            settings.start_from,
            settings.classes,
            settings.image_size,
            self._cases[0].case.channels,
            isinstance(sets, Regions),
        )
        self.module: nn.Module = (
            RegionLoss(network, sets)
            if isinstance(sets, Regions)
            else SegmentationLoss(network, sets)
        )
        crops = CropDataset(
            self._cases,
            settings.image_size,
            seed,
            settings.crops_per_scan,
            settings.foreground,
            flips=(),
            zoom=ZOOM[settings.augmentation],
            labelled=True,
        )
        self.dataset: Dataset[dict[str, Any]] = ByteLabels(
            AugmentedCrops(crops, settings.augmentation, settings.classes, sets)
        )
        self.inputs = augmented_inputs(settings.augmentation)
        chosen = {k: v for k, v in asdict(settings).items() if k not in _NO_FACTS}
        self.facts: dict[str, Any] = {
            **chosen,
            "network": network.architecture,
            "cases": sorted(case.key for case in cases),
            "validation": sorted(case.key for case in validation),
        }
        if isinstance(sets, Regions):
            self.facts["regions"] = [asdict(region) for region in sets.members]
        self._best = BestCheckpoint(settings.name, WATCHED)

    @property
    def validation_cases(self) -> tuple[LabelledCase, ...]:
        """The cases that are kept apart."""
        return self._validation

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean Dice over classes and cases, "dice", and that of each class, "dice.NAME".

        Of a case, the classes count that its label map shows.
        """
        assert isinstance(module, SegmentationLoss | RegionLoss)
        by_class: dict[int, list[float]] = {}
        for number, case in enumerate(self._validation):
            size = self.settings.image_size
            watch = self.watch if number == 0 else None
            for value, dice in _score(module.network, case, size, self._sets, watch).items():
                by_class.setdefault(value, []).append(dice)
        means = {value: sum(dices) / len(dices) for value, dices in sorted(by_class.items())}
        if not means:
            return {}
        self._best.scored()
        named = {f"{WATCHED}.{self.settings.classes[v - 1]}": mean for v, mean in means.items()}
        return {WATCHED: sum(means.values()) / len(means), **named}

    def publish(self, module: nn.Module, run: Path, step: int, scores: dict[str, float]) -> None:
        """Write the network as NAME-last, and as NAME where no earlier one was better."""
        assert isinstance(module, SegmentationLoss | RegionLoss)
        settings = self.settings
        modality = Counter(case.case.modality for case in self._cases).most_common(1)[0][0]
        facts: dict[str, Any] = {
            "data": list(settings.trained_on) or "not stated",
            "cases": len(self._cases),
            "validation_cases": len(self._validation),
            "started_from": Path(settings.start_from).stem or "fresh weights",
            "steps": step,
            "scores": scores,
        }
        labels = {1 + i: name for i, name in enumerate(settings.classes)}
        if isinstance(self._sets, Regions):
            labels = self._sets.labels
        last = run / f"{settings.name}-last.safetensors"
        save_checkpoint(
            last,
            module.network,
            labels=labels,
            regions=self.facts.get("regions", []),
            channels=list(settings.channels),
            weights_dtype="float16",
            name=settings.name,
            title=settings.title or f"{modality}: {', '.join(settings.classes)}",
            modality=modality,
            spacing_mm=list(settings.spacing_mm),
            patch_size=list(settings.image_size),
            training=facts,
            licence=settings.licence,
        )
        self._best.keep(last, run, scores)


def _score(
    network: nn.Module,
    case: LabelledCase,
    size: Sequence[int],
    sets: ClassSets | Regions,
    watch: Callable[[np.ndarray], None] | None = None,
) -> dict[int, float]:
    """Dice of every class that a case has; what its labels leave open counts where it is wrong."""
    whole = tuple(slice(0, side) for side in case.shape)
    truth = case.label((whole[0], whole[1], whole[2]))
    if isinstance(sets, Regions):
        return _score_regions(network, case, size, truth, sets)
    known = truth < case.classes
    found = segment_case(network, case, size)
    if watch is not None:
        watch(found)
    counts = known | ~sets.table()[truth, found]
    return dice_per_label(np.where(counts, found, 0), np.where(known, truth, 0))


def _score_regions(
    network: nn.Module, case: LabelledCase, size: Sequence[int], truth: np.ndarray, regions: Regions
) -> dict[int, float]:
    """Dice of every region that a case has, where its labels are known."""
    whole = tuple(slice(0, side) for side in case.shape)
    logits = window_logits(network, case.image((whole[0], whole[1], whole[2])), size)
    inside, known = (logits > 0).cpu().numpy(), truth != UNKNOWN
    scores: dict[int, float] = {}
    for place, wanted in enumerate(regions.masks(truth)):
        found = (inside[place] & known).astype(np.uint8)
        if wanted.any():
            scores[1 + place] = dice_per_label(found, wanted.astype(np.uint8))[1]
    return scores
