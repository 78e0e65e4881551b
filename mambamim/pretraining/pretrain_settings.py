"""What a pre-training is told; imports no torch, so that a form can be made of it anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath

from mambamim.errors import BadInputError


@dataclass(frozen=True)
class PretrainSettings:
    """The paper's recipe (Sec. 4), and its ablations. What the loop does is in `LoopSettings`.

    Attributes:
        network: of `build_model`.
        image_size: side of the crops, voxels, a multiple of 16.
        mask_ratio: share of the patches that is masked.
        fill: "toki", or "learnable": one learnt token at every masked place.
        transition: of TOKI, "diagonal" or "dense".
        form: of TOKI, "equation8" or "algorithm3".
        bottom_up: False masks the Mamba stage apart from the convolutions.
        skips: False lets the decoder see the deepest features only.
        target: "normalised" per patch, or "raw".
        scan: order of the tokens.
        spacing_mm: voxel size that scans are brought to; None keeps each scan's own.
        epochs: how often each scan has its turn; each time it gives `crops_per_scan` crops.
        warmup_epochs: over which the learning rate climbs.
        crops_per_scan: see `epochs`.
        foreground: how likely a crop has its centre in tissue.
        zoom: crops show from 1 - zoom to 1 + zoom times their size; 0 in the paper, more where
            scans are few.
        start_from: checkpoint of an earlier pre-training with the same network to go on from, ""
            for fresh weights.
        name: of the checkpoint in the run folder.
        trained_on: for the checkpoint's header, "NAME (LICENCE)" of every data set.
        licence: of the weights.
    """

    network: str = "hymamba"
    image_size: int = 96
    mask_ratio: float = 0.75
    fill: str = "toki"
    transition: str = "diagonal"
    form: str = "equation8"
    bottom_up: bool = True
    skips: bool = True
    target: str = "normalised"
    scan: str = "raster"
    spacing_mm: float | None = 1.5
    epochs: float = 100
    warmup_epochs: float = 40
    crops_per_scan: int = 4
    foreground: float = 0.67
    zoom: float = 0.0
    start_from: str = ""
    name: str = "pretrained"
    trained_on: tuple[str, ...] = ()
    licence: str = "unspecified"

    def __post_init__(self) -> None:
        if not self.epochs > 0 or not 0 <= self.warmup_epochs < math.inf:
            raise BadInputError(f"There cannot be {self.epochs} epochs.", "Try 100.")
        if self.spacing_mm is not None and not 0.05 <= self.spacing_mm <= 20:
            raise BadInputError(f"A spacing of {self.spacing_mm} mm makes no sense.", "Try 1.5.")
        # All that can be refused before scans are prepared, which takes long.
        rules = {
            "image_size": (
                self.image_size >= 16 and self.image_size % 16 == 0,
                "a multiple of 16, such as 96",
            ),
            "mask_ratio": (0 < self.mask_ratio < 1, "a share between 0 and 1, such as 0.75"),
            "crops_per_scan": (self.crops_per_scan >= 1, "1 or more"),
            "foreground": (0 <= self.foreground <= 1, "a share of 0 to 1"),
            "zoom": (0 <= self.zoom < 1, "0 to below 1"),
            "name": (self.name != "" and PurePath(self.name).name == self.name, "a file name"),
        }
        for name, (good, allowed) in rules.items():
            if not good:
                raise BadInputError(
                    f"There is no pre-training with {name}={getattr(self, name)}.",
                    f"It takes {allowed}.",
                )

    def steps(self, scans: int, batch: int) -> tuple[int, int]:
        """Steps of the whole run, and of the warm-up, for so many scans."""
        an_epoch = scans * self.crops_per_scan / batch
        total = max(1, math.ceil(self.epochs * an_epoch))
        return total, min(math.ceil(self.warmup_epochs * an_epoch), total // 2)
