"""Fine-tune: labelled cases in, a checkpoint that finds what they show out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mambamim.checkpoint_header import read_header
from mambamim.data.prepared_case import PreparedCase
from mambamim.data.prepared_store import estimate, prepare
from mambamim.data.scan_lists import find_scans
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError
from mambamim.finetuning.finetune_settings import FinetuneSettings
from mambamim.finetuning.finetune_task import FinetuneTask
from mambamim.finetuning.label_scheme import LabelScheme
from mambamim.finetuning.labelled_case import LabelledCase
from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Voice
from mambamim.training.team import Team


@dataclass(frozen=True)
class FinetuneData:
    """Where the labelled cases are, and what their labels mean.

    Attributes:
        data: folders or files, see `find_scans`; scans without a label map are left out.
        validation: likewise, of cases that are kept apart; none: a share of `data` is.
        share: of `data` that is kept apart where `validation` names none, 0 for none.
        modality: "auto", "CT" or "MR", for scans that do not say it.
        prepared: folder that prepared cases go to, and are taken from by later runs.
        scheme: what label values mean.
        fold: of a cross-validation, from 0: which part of `data` is kept apart.
        folds: parts of a cross-validation, 0 for none.
        parts: cases to learn from and cases kept apart, where a public data set's own split says
            so; `data`, `validation` and `share` count for nothing then.
    """

    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    share: float
    modality: str
    prepared: Path
    scheme: LabelScheme
    fold: int = 0
    folds: int = 0
    parts: tuple[tuple[ScanSource, ...], tuple[ScanSource, ...]] | None = None


def begin_finetuning(
    run: Path,
    data: FinetuneData,
    settings: FinetuneSettings,
    loop: LoopSettings,
    team: Team,
    voice: Voice,
) -> TrainingLoop:
    """Prepare the cases once, and the training; the same call goes on from where the run stands.

    Args:
        run: the run folder; NAME.safetensors is the best checkpoint, NAME-last the last.
        data: the cases.
        settings: of the network.
        loop: of the training.
        team: this process and the others.
        voice: whom to tell.

    Raises:
        BadInputError: no cases, fewer than the split needs, a case that cannot be used or whose
            label map does not fit, a class in no case, a case in both parts, cases of unequal
            channels, or settings that differ from the run's.
        Cancelled: while cases were prepared.
    """
    learning, kept_apart = split_sources(data, loop.seed)
    train = _cases(learning, data, settings, team, voice)
    validation = _cases(kept_apart, data, settings, team, voice) if kept_apart else ()
    settings = replace(settings, channels=_channels(train + validation, learning[0]))
    if team.leads:
        _warn_of_order(settings, voice)
    _check_classes(train, settings.classes)
    _check_window(train, settings)
    task = FinetuneTask(train, validation, settings, data.scheme.sets, loop.seed)
    return TrainingLoop(task, loop, run, team, voice)


def split_sources(data: FinetuneData, seed: int) -> tuple[list[ScanSource], list[ScanSource]]:
    """The cases to learn from and those that are kept apart.

    Raises:
        BadInputError: no labelled case, too few to keep some apart, or one in both parts.
    """
    if data.parts is not None:
        return list(data.parts[0]), list(data.parts[1])
    learning = _labelled(data.data, data.modality)
    if data.validation:
        kept_apart = _labelled(data.validation, data.modality)
        twice = {s.image.resolve() for s in learning} & {s.image.resolve() for s in kept_apart}
        if twice:
            raise BadInputError(
                f"{len(twice)} of the cases are both to be learnt from and to be kept apart, the "
                f"first one {min(twice).name}.",
                "Name other cases for the validation.",
            )
        return learning, kept_apart
    labels = list(dict.fromkeys(s.label for s in learning))  # scans of a case share theirs
    order = np.random.default_rng(seed).permutation(len(labels))
    apart = {labels[i] for i in _apart(data, order)}
    return (
        [source for source in learning if source.label not in apart],
        [source for source in learning if source.label in apart],
    )


def _apart(data: FinetuneData, order: np.ndarray) -> list[int]:
    """Which of the labelled cases, by their place in the list, are kept apart."""
    if data.folds:
        if len(order) < data.folds:
            raise BadInputError(
                f"{len(order)} labelled cases cannot be split into {data.folds} parts.",
                "Name more cases, or take fewer --folds.",
            )
        part: list[int] = np.array_split(order, data.folds)[data.fold].tolist()
        return part
    if not 0 <= data.share < 1:
        raise BadInputError(f"A share of {data.share} cannot be kept apart.", "Take 0 to 1.")
    if data.share == 0:
        return []
    if len(order) < 2:
        raise BadInputError(
            "There is one labelled case: none can be kept apart to see how well it goes.",
            "Name more cases, others with --validation, or take --validation-share 0.",
        )
    count = min(len(order) - 1, max(1, round(data.share * len(order))))
    taken: list[int] = order[:count].tolist()
    return taken


def _labelled(places: Sequence[Path], modality: str) -> list[ScanSource]:
    scans = find_scans(places, modality, joined=True)
    found = sorted((s for s in scans if s.label is not None), key=lambda s: s.image.name)
    if not found:
        raise BadInputError(
            f"None of the {len(scans)} scans has a label map.",
            "Give a folder with images/ and labels/ whose files bear the same names, an nnU-Net "
            "folder, or a Decathlon dataset.json.",
        )
    return found


def _cases(
    sources: Sequence[ScanSource],
    data: FinetuneData,
    settings: FinetuneSettings,
    team: Team,
    voice: Voice,
) -> tuple[LabelledCase, ...]:
    """Prepared cases; the leading process prepares them, the others find them."""
    if not team.leads:
        team.wait()
        store = prepare(sources, data.prepared, settings.spacing_mm)
    else:
        voice.log("info", f"cases: {estimate(sources, settings.spacing_mm).describe()}")
        try:
            store = prepare(
                sources, data.prepared, settings.spacing_mm,
                lambda _, message: voice.progress(0.0, message), voice.cancelled,
            )  # fmt: skip
        finally:
            team.wait()
    if store.skipped:
        raise BadInputError(
            f"{len(store.skipped)} of {len(sources)} cases cannot be used; the first one, "
            f"{store.skipped[0]}",
            "Mend it or leave it out.",
        )
    return tuple(
        _meaning(source, case, data.scheme)
        for source, case in zip(sources, store.cases, strict=True)
    )


def _meaning(source: ScanSource, case: PreparedCase, scheme: LabelScheme) -> LabelledCase:
    table = scheme.lookup(source.image.name, sorted(case.labels or {}))
    return LabelledCase(case, table, len(scheme.classes) + 1, scheme.regions)


def _channels(cases: Sequence[LabelledCase], first: ScanSource) -> tuple[str, ...]:
    """What the channels are called, of which all cases must have as many."""
    counts = sorted({case.case.channels for case in cases})
    if len(counts) > 1:
        raise BadInputError(
            f"Some cases have {counts[0]} channels and others {counts[-1]}.",
            "Every case needs the same channels, in one order.",
        )
    if counts == [1]:
        return ()
    if first.channels and len(first.channels) != counts[0]:
        raise BadInputError(
            f"The list names {len(first.channels)} channels ({', '.join(first.channels)}), and the "
            f"cases have {counts[0]}.",
            "Correct the list of channels.",
        )
    return first.channels or tuple(f"channel {number}" for number in range(counts[0]))


def _warn_of_order(settings: FinetuneSettings, voice: Voice) -> None:
    """Names of channels are spelt in many ways, so other ones are no error."""
    known = read_header(settings.start_from).channels if settings.start_from else ()
    if known and known != settings.channels:
        voice.log(
            "warning",
            f"What is started from takes the channels {', '.join(known)}; the cases have "
            f"{', '.join(settings.channels)}. Check that the order is the same.",
        )


def _check_classes(cases: Sequence[LabelledCase], classes: tuple[str, ...]) -> None:
    present = {value for case in cases for value in case.labels}
    absent = [name for value, name in enumerate(classes, start=1) if value not in present]
    if absent:
        raise BadInputError(
            f"No case to learn from shows {', '.join(absent)}.",
            "Leave the class out, name more cases, or keep fewer apart.",
        )


def _check_window(cases: Sequence[LabelledCase], settings: FinetuneSettings) -> None:
    """A window far beyond every case is a mistake in the spacing, and slow."""
    largest = np.max([case.shape for case in cases], axis=0)
    if (np.asarray(settings.image_size) >= 2 * np.maximum(largest, 16)).any():
        size = " x ".join(map(str, settings.image_size))
        raise BadInputError(
            f"Crops of {size} voxels are more than twice as large as every case "
            f"({' x '.join(map(str, largest))} voxels at this spacing).",
            "Take smaller crops, or a finer spacing.",
        )
