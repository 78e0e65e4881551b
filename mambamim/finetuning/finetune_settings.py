"""What a fine-tuning is told; imports no torch, so that a form can be made of it anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mambamim.errors import BadInputError

# The paper's recipe (Sec. 4: Swin UNETR's, AdamW 1e-4, 50,000 iterations, four crops each), one
# that gets near it within hours, and one that shows within minutes where it will go.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "steps": 50_000, "warmup": 500, "batch": 4, "learning_rate": 1e-4, "weight_decay": 1e-5,
        "average": 0.0, "validate_every": 1000, "save_every": 500, "augmentation": "paper",
        "spacing": (1.5, 1.5, 2.0),
    },
    "standard": {
        "steps": 10_000, "warmup": 200, "batch": 4, "learning_rate": 5e-4, "weight_decay": 1e-2,
        "average": 0.999, "validate_every": 500, "save_every": 500, "augmentation": "strong",
        "spacing": (1.5, 1.5, 1.5),
    },
    "quick": {
        "steps": 300, "warmup": 20, "batch": 1, "learning_rate": 5e-4, "weight_decay": 1e-2,
        "average": 0.98, "validate_every": 100, "save_every": 50, "augmentation": "strong",
        "spacing": (1.5, 1.5, 1.5),
    },
}  # fmt: skip
# Of `build_model`, which imports torch.
NETWORKS = (
    "hymamba", "hymamba_cnn", "hymamba_paper", "hymamba_small", "vanilla_mamba",
    "unetr", "swin_unetr", "mednext", "unet", "segresnet",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,94}")  # of a checkpoint, "-last" to follow
AUGMENTATIONS = ("none", "paper", "strong")


@dataclass(frozen=True)
class FinetuneSettings:
    """What is learnt and from where. What the loop does is in `LoopSettings`.

    Attributes:
        classes: names of the classes, values 1, 2, ..., or of the regions.
        network: of `build_model`, where `start_from` does not say it.
        start_from: checkpoint of a pre-training or a segmentation to begin with, "" for fresh
            weights.
        image_size: of crops and windows, voxels along R, A, S, multiples of 16.
        spacing_mm: voxel size that cases are brought to, along R, A, S.
        crops_per_scan: how often a case has its turn before all are mixed anew.
        foreground: share of crops around a labelled voxel, its class drawn evenly; 0.5 is the
            paper's 1:1.
        augmentation: "none", "paper" (Swin UNETR's), or "strong": what few cases need, too.
        name: of the checkpoint in the run folder.
        title: one line for a person.
        trained_on: for the checkpoint's header, "NAME (LICENCE)" of every data set.
        licence: of the weights.
        channels: names of the image's channels, for the header, where there are several.
    """

    classes: tuple[str, ...]
    network: str = "hymamba"
    start_from: str = ""
    image_size: tuple[int, int, int] = (96, 96, 96)
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 2.0)
    crops_per_scan: int = 4
    foreground: float = 0.5
    augmentation: str = "paper"
    name: str = "finetuned"
    title: str = ""
    trained_on: tuple[str, ...] = ()
    licence: str = "unspecified"
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for mm in self.spacing_mm:
            if not 0.05 <= mm <= 20:
                raise BadInputError(f"A spacing of {mm} mm makes no sense.", "Try 1.5.")
        rules = {
            "image_size": (
                all(n >= 16 and n % 16 == 0 for n in self.image_size),
                "multiples of 16, such as 96",
            ),
            "crops_per_scan": (self.crops_per_scan >= 1, "1 or more"),
            "foreground": (0 <= self.foreground <= 1, "0 to 1"),
            "augmentation": (self.augmentation in AUGMENTATIONS, ", ".join(AUGMENTATIONS)),
            "name": (_NAME.fullmatch(self.name) is not None, "letters, digits, -, _ and ."),
            "classes": (len(set(self.classes)) == len(self.classes) >= 1, "different names"),
            "title": (len(self.title) <= 10_000, "one line"),
            "licence": (len(self.licence) <= 1000, "one line"),
        }
        for each in self.classes:
            if not each.strip() or len(each) > 200:
                raise BadInputError(f"A class cannot be called {each!r:.60}.", "Name it shortly.")
        for name, (good, allowed) in rules.items():
            if not good:
                raise BadInputError(
                    f"'{name}' cannot be {getattr(self, name)!r}.", f"It takes {allowed}."
                )
