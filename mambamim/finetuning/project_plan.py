"""What a fine-tuning on a project is told: its cases, its classes, and numbers that suit both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mambamim.catalogue import resolve_model
from mambamim.checkpoint_header import CheckpointHeader, read_header
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune_settings import PRESETS, FinetuneSettings
from mambamim.finetuning.label_scheme import scheme_of
from mambamim.project import Project, ProjectCase
from mambamim.project.manifest import FILE_NAME
from mambamim.training.settings import LoopSettings

if TYPE_CHECKING:
    from mambamim.finetuning.finetune import FinetuneData

CUSTOM = "standard"  # whose numbers hold where a preset of one's own does not name them
_STRIDE = 16
_LOOP = ("steps", "warmup", "batch", "learning_rate", "weight_decay", "average")
_EVERY = ("validate_every", "save_every")
_SCRATCH = {"paper": "hymamba"}  # preset -> network; the others suit computers without a GPU
_SMALL = "hymamba_small"
_LARGEST = {"quick": 96}  # preset -> side of its crops at most, for a step's time grows with them


@dataclass(frozen=True)
class ProjectPlan:
    """A fine-tuning on a project.

    Attributes:
        project: whose cases are learnt.
        settings: of the network.
        loop: of the training.
        base: header of the model that is begun with, None for fresh weights.
    """

    project: Project
    settings: FinetuneSettings
    loop: LoopSettings
    base: CheckpointHeader | None

    def data(self) -> FinetuneData:
        """Its cases, in the project's own split."""
        return project_data(self.project)


def project_data(project: Project) -> FinetuneData:
    """The cases of a project, in its own split, and what their labels mean.

    Prepared scans go into the project, where every run on it finds them.

    Raises:
        BadInputError: something keeps it from being trained on; says what.
    """
    from mambamim.finetuning.finetune import FinetuneData

    wrong = project.blocking()
    if wrong:
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BadInputError(
            f"The project {project.folder.name} cannot be trained on yet: {wrong[0]}{more}",
            "Mend it or take the case out.",
        )
    parts: dict[str, list[ScanSource]] = {"train": [], "validation": []}
    for case in project.cases:
        content = project.content_key(case.id)
        parts[case.split].append(ScanSource(case.image, case.label, case.modality, content=content))
    return FinetuneData(
        (),
        (),
        0.0,
        "auto",
        project.prepared,
        scheme_of(project.label_scheme(), FILE_NAME),
        parts=(tuple(parts["train"]), tuple(parts["validation"])),
    )


def plan_project(
    project: Project,
    model: str,
    preset: str | Mapping[str, Any],
    name: str = "finetuned",
    title: str = "",
) -> ProjectPlan:
    """Choose all numbers of a fine-tuning on a project.

    A model that is begun with decides on the voxel size and the size of crops; crops are no larger
    than the cases need, and those of "quick" no larger than a computer without a GPU bears.

    Args:
        project: whose cases are learnt.
        model: name or path of a segmentation or a pre-training to begin with, "" for none.
        preset: of `PRESETS`, or numbers of one's own: any of its names, `network` and `image_size`;
            what is not there is that of `CUSTOM`, made to suit the number of steps.
        name: of the new model.
        title: one line about it.

    Raises:
        BadInputError: no such model or preset, or a number that cannot be.
    """
    numbers = _numbers(preset)
    path = str(resolve_model(model)) if model else ""
    base = read_header(path) if path else None
    spacing = base.spacing_mm if base else _three(numbers["spacing"])
    asked = numbers.get("image_size") or (base.patch_size if base else (96, 96, 96))
    fresh = _SMALL
    if isinstance(preset, str):
        fresh = _SCRATCH.get(preset, _SMALL)
        asked = [min(side, _LARGEST.get(preset, side)) for side in asked]
    settings = FinetuneSettings(
        classes=tuple(project.classes) or ("none",),
        network=numbers.get("network", fresh),
        start_from=path,
        image_size=_fitting(asked, project, spacing),
        spacing_mm=spacing,
        augmentation=numbers["augmentation"],
        name=name,
        title=title,
        trained_on=(f"own cases ({len(project.cases)})",),
        licence=base.licence if base else "unspecified",
    )
    loop = LoopSettings(
        **{part: numbers[part] for part in (*_LOOP, *_EVERY)},
        log_every=max(1, min(10, numbers["steps"] // 100)),
    )
    return ProjectPlan(project, settings, loop, base)


def _numbers(preset: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise BadInputError(f"There is no preset {preset!r:.40}.", f"Use {', '.join(PRESETS)}.")
        return dict(PRESETS[preset])
    usual = PRESETS[CUSTOM]
    strange = [name for name in preset if name not in (*usual, "network", "image_size")]
    if strange:
        raise BadInputError(
            f"A preset has no number {strange[0]!r:.40}.", f"It has {', '.join(usual)}."
        )
    for name, value in preset.items():
        kinds = (int, float) if isinstance(usual.get(name), float) else type(usual.get(name, ""))
        listed = name in ("spacing", "image_size")
        if isinstance(value, bool) or not isinstance(value, (list, tuple) if listed else kinds):
            raise BadInputError(f"{name!r} of a preset cannot be {value!r:.40}.")
    steps = int(preset.get("steps", usual["steps"]))
    if steps < 1:
        raise BadInputError(f"'steps' must be at least 1, not {steps}.")
    suited = {
        "warmup": min(usual["warmup"], steps // 20),
        "average": max(0.0, min(usual["average"], 1 - 8 / steps)),
        **{every: min(usual[every], max(1, steps // 4)) for every in _EVERY},
    }
    return {**usual, **suited, **preset}


def prepared_shape(
    case: ProjectCase, spacing_mm: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Voxels along R, A, S that a case has once it is prepared."""
    from mambamim.data.orientation import to_ras
    from mambamim.data.preparation_cost import target_grid

    turned, affine_ras = to_ras(np.broadcast_to(np.uint8(0), case.shape), case.affine)
    return target_grid(turned.shape, affine_ras, spacing_mm).shape


def _fitting(
    asked: Any, project: Project, spacing_mm: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Crops as asked, but none larger than the largest case needs."""
    sizes = _three(asked)
    shapes = [prepared_shape(case, spacing_mm) for case in project.cases]
    if not shapes or not all(isinstance(size, int) for size in sizes):
        return sizes
    largest = np.max(shapes, axis=0).tolist()
    needed = [_STRIDE * -(-voxels // _STRIDE) for voxels in largest]
    return _three([min(pair) for pair in zip(sizes, needed, strict=True)])


def _three(values: Any) -> tuple[Any, Any, Any]:
    if len(values) != 3:
        raise BadInputError(f"Three numbers are needed along R, A and S, not {len(values)}.")
    one, two, three = values
    return one, two, three
