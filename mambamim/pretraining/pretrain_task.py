"""Pre-training as a task of the training loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import PreparedCase
from mambamim.errors import CheckpointError
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masked_crops import MaskedCrops, ReconstructionLoss
from mambamim.pretraining.pretrain_settings import PretrainSettings

_VALIDATION_CROPS = 32
_VALIDATION_SEED = 7
# What may differ between the calls of one run: it changes no weight.
_NO_FACTS = ("start_from", "name", "trained_on", "licence", "epochs", "warmup_epochs")


class PretrainTask:
    """Masked crops of scans without labels, and the reconstruction loss.

    Args:
        cases: prepared scans to learn from.
        validation: prepared scans that are kept apart; the loss on fixed crops of them, with fixed
            masks, is the run's score.
        settings: of the network and its data.
        seed: of weights, crops and masks.

    Attributes:
        validation_cases: the scans that are kept apart.
        watch: given the network after each validation; None for nobody.
    """

    inputs: tuple[str, ...] = ("image", "visible")
    watch: Callable[[MambaMIM], None] | None = None

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        validation: Sequence[PreparedCase],
        settings: PretrainSettings,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        self.settings, self._cases = settings, tuple(cases)
        mim = MambaMIM(
            settings.network,
            settings.image_size,
            settings.mask_ratio,
            settings.fill,
            transition=settings.transition,
            form=settings.form,
            bottom_up=settings.bottom_up,
            skips=settings.skips,
            target=settings.target,
            scan=settings.scan,
        )
        if settings.start_from:
            _start(mim, Path(settings.start_from))
        if not settings.skips:
            _freeze_ways_to_skips(mim)
        self.module: nn.Module = ReconstructionLoss(mim)
        self.dataset: Dataset[dict[str, Any]] = self._masked(cases, seed, settings.zoom, (0, 1, 2))
        self.validation_cases = tuple(validation)
        self._validation = None
        if validation:
            self._validation = self._masked(validation, _VALIDATION_SEED, 0.0, ())
        chosen = {k: v for k, v in asdict(settings).items() if k not in _NO_FACTS}
        self.facts: dict[str, Any] = {**chosen, "scans": sorted(case.key for case in cases)}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """The mean loss over fixed crops of the scans kept apart; nothing where there are none."""
        if self._validation is None:
            return {}
        device = next(module.parameters()).device
        losses = []
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(_VALIDATION_SEED)  # a network with two masks draws one by itself
            for number in range(_VALIDATION_CROPS):
                crop = self._validation[number]
                given = (crop[name][None].to(device) for name in self.inputs)
                losses.append(float(module(*given)))
        if self.watch is not None:
            assert isinstance(module, ReconstructionLoss)
            self.watch(module.mim)
        return {"validation_loss": sum(losses) / len(losses)}

    def publish(self, module: nn.Module, run: Path, step: int, scores: dict[str, float]) -> None:
        """Write encoder and decoder as a checkpoint in half precision."""
        settings = self.settings
        modalities = Counter(case.modality for case in self._cases)
        spacing = settings.spacing_mm
        assert isinstance(module, ReconstructionLoss)
        facts: dict[str, Any] = {
            "data": list(settings.trained_on) or "not stated",
            "scans": dict(modalities),
            "steps": step,
            "scores": scores,
        }
        save_checkpoint(
            run / f"{settings.name}.safetensors",
            module.mim,
            labels={},
            weights_dtype="float16",
            name=settings.name,
            title=f"Pre-trained {settings.network}, {'/'.join(sorted(modalities))}",
            modality=modalities.most_common(1)[0][0],
            spacing_mm=[spacing] * 3 if spacing else list(self._cases[0].spacing_mm),
            patch_size=[settings.image_size] * 3,
            training=facts,
            licence=settings.licence,
        )

    def _masked(
        self, cases: Sequence[PreparedCase], seed: int, zoom: float, flips: tuple[int, ...]
    ) -> MaskedCrops:
        settings = self.settings
        crops = CropDataset(
            cases,
            settings.image_size,
            seed,
            settings.crops_per_scan,
            settings.foreground,
            flips,
            zoom,
        )
        return MaskedCrops(crops, settings.mask_ratio)


def _freeze_ways_to_skips(mim: MambaMIM) -> None:
    """Blocks on the way to a skip alone get no gradient, for which several processes would wait."""
    for name, parameter in mim.named_parameters():
        if name.startswith("encoder.encoder.skips."):
            parameter.requires_grad_(False)


def _start(mim: MambaMIM, path: Path) -> None:
    """Take all weights of an earlier pre-training.

    Raises:
        CheckpointError: it is none, or its networks are others.
    """
    earlier = load_checkpoint(path).model
    try:
        mim.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"{path.name} is no pre-training of this network.",
            "Take the network, fill, form and skips that it was made with.",
        ) from error
