"""What the arguments of a fine-tuning say, as the core takes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from mambamim.catalogue import resolve_model
from mambamim.checkpoint_header import read_header
from mambamim.commands.training_arguments import picked
from mambamim.data.presets import PRESETS as DATASETS
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune_settings import PRESETS, FinetuneSettings
from mambamim.finetuning.label_scheme import LabelScheme, read_scheme, scheme_of
from mambamim.finetuning.published import Parts, published_parts, published_scheme
from mambamim.training.settings import LoopSettings

if TYPE_CHECKING:
    from mambamim.finetuning.finetune import FinetuneData

_LIST = "dataset.json"


@dataclass(frozen=True)
class Plan:
    """All that a fine-tuning is told."""

    data: FinetuneData
    settings: FinetuneSettings
    loop: LoopSettings
    device: str


def plan_of(asked: Namespace, run: Path) -> Plan:
    """What the arguments say.

    Raises:
        BadInputError: they do not fit together.
    """
    from mambamim.finetuning.finetune import FinetuneData

    if not asked.data:
        raise BadInputError("There are no cases to learn from.", "Name them with --data.")
    scheme = _scheme(asked)
    start = str(resolve_model(asked.start_from)) if asked.start_from else ""
    asked.spacing = asked.spacing or _spacing(start, asked)
    own = {"classes", "start_from", "spacing_mm", "image_size", "trained_on", "channels"}
    settings = FinetuneSettings(
        classes=scheme.classes,
        start_from=start,
        spacing_mm=_three(asked.spacing),
        image_size=_three(asked.image_size),
        trained_on=tuple(asked.trained_on),
        **picked(asked, FinetuneSettings, own),
    )
    data = FinetuneData(
        tuple(map(Path, asked.data)),
        tuple(map(Path, asked.validation)),
        asked.validation_share,
        asked.modality,
        Path(asked.prepared) if asked.prepared else run / "prepared",
        scheme,
        parts=_parts(asked),
    )
    return Plan(
        data, settings, LoopSettings(**picked(asked, LoopSettings, {"lowest"})), asked.device
    )


def _scheme(asked: Namespace) -> LabelScheme:
    """What label values are: named here, in a file, or in the data set's own list."""
    if asked.dataset:
        return published_scheme(asked.dataset, asked.regions)
    if asked.regions:
        raise BadInputError(
            "--regions goes with --dataset.",
            'Of other data, write "regions_class_order" into the dataset.json or --labels FILE.',
        )
    if asked.classes:
        names = {str(value): name for value, name in enumerate(asked.classes, start=1)}
        return scheme_of({"labels": names}, "--classes")
    if asked.labels:
        return read_scheme(Path(asked.labels))
    paths = [place / _LIST if place.is_dir() else place for place in map(Path, asked.data)]
    lists = [p for p in paths if p.suffix.lower() == ".json" and p.is_file()]
    schemes = [read_scheme(path) for path in lists]
    said = [(scheme.values, scheme.regions) for scheme in schemes]
    if any(one != said[0] for one in said):
        raise BadInputError(
            f"The {len(lists)} files {_LIST} say different things of the label values.",
            "Bring the label maps to the same values, or train on one data set.",
        )
    if schemes:
        unlabelled = {k: v for scheme in schemes for k, v in scheme.unlabelled.items()}
        return dataclasses.replace(schemes[0], unlabelled=unlabelled)
    raise BadInputError(
        "Nothing says what the label values are.",
        "Name them: --classes liver spleen for the values 1 and 2, or --labels FILE.json.",
    )


def _spacing(start: str, asked: Namespace) -> list[float]:
    """Of the network that is begun with: its filters know structures at that size."""
    if start:
        return list(read_header(start).spacing_mm)
    if asked.dataset and asked.preset == "paper":
        return list(DATASETS[asked.dataset].spacing_mm)
    return list(PRESETS[asked.preset]["spacing"])


def _parts(asked: Namespace) -> Parts | None:
    """The split of a public data set.

    Raises:
        BadInputError: arguments that say otherwise.
    """
    if not asked.dataset:
        return None
    if asked.folds or asked.validation or len(asked.data) != 1:
        raise BadInputError(
            f"--dataset {asked.dataset} has a split of its own and lies in one folder.",
            "Leave --folds and --validation out, and name one folder with --data.",
        )
    return published_parts(asked.dataset, Path(asked.data[0]))


def _three(values: Sequence[Any]) -> tuple[Any, Any, Any]:
    one, two, three = values
    return one, two, three
