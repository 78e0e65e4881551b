"""Pre-train: scans without labels in, a checkpoint with encoder and decoder out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mambamim.data.prepared_case import PreparedCase
from mambamim.data.prepared_store import PreparedStore, estimate, prepare
from mambamim.data.scan_lists import find_scans
from mambamim.errors import BadInputError
from mambamim.pretraining.pretrain_settings import PretrainSettings
from mambamim.pretraining.pretrain_task import PretrainTask
from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Voice
from mambamim.training.team import Team


@dataclass(frozen=True)
class PretrainData:
    """Where the scans are.

    Attributes:
        data: folders or files, see `find_scans`; none where `prepared` has been filled before.
        validation: likewise, of scans that are kept apart.
        modality: "auto", "CT" or "MR", for scans that do not say it.
        prepared: folder that prepared scans go to, and are taken from by later runs.
    """

    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    modality: str
    prepared: Path


def begin_pretraining(
    run: Path,
    data: PretrainData,
    settings: PretrainSettings,
    loop: LoopSettings,
    team: Team,
    voice: Voice,
    by_epochs: bool = True,
) -> TrainingLoop:
    """Prepare the scans once, and the training; the same call goes on from where the run stands.

    Args:
        run: the run folder; the checkpoint is written there.
        data: the scans.
        settings: of the network.
        loop: of the training.
        team: this process and the others.
        voice: whom to tell.
        by_epochs: take steps and warm-up from the epochs of `settings`, not from `loop`.

    Raises:
        BadInputError: no scan can be used, or settings that differ from the run's.
        Cancelled: while scans were prepared.
    """
    train = _cases(data.data, data, "train", settings, team, voice)
    kept_apart: tuple[PreparedCase, ...] = ()
    if data.validation or (not data.data and (data.prepared / "validation").is_dir()):
        kept_apart = _cases(data.validation, data, "validation", settings, team, voice)
    both = {case.key for case in train} & {case.key for case in kept_apart}
    if both:
        raise BadInputError(
            f"{len(both)} of the scans are both to be learnt from and to be kept apart.",
            "Name other scans for the validation.",
        )
    if by_epochs:
        steps, warmup = settings.steps(len(train), loop.batch)
        loop = dataclasses.replace(loop, steps=steps, warmup=warmup)
    task = PretrainTask(train, kept_apart, settings, loop.seed)
    return TrainingLoop(task, loop, run, team, voice)


def _cases(
    places: Sequence[Path],
    data: PretrainData,
    part: str,
    settings: PretrainSettings,
    team: Team,
    voice: Voice,
) -> tuple[PreparedCase, ...]:
    """The prepared scans of a part; the leading process prepares them, the others find them."""
    folder = data.prepared / part
    if not places:
        return PreparedStore.open(folder).cases
    scans = [dataclasses.replace(scan, label=None) for scan in find_scans(places, data.modality)]
    mm = settings.spacing_mm
    spacing = None if mm is None else (mm, mm, mm)
    if not team.leads:
        team.wait()
        return prepare(scans, folder, spacing).cases
    voice.log("info", f"{part}: {estimate(scans, spacing).describe()}")
    try:
        store = prepare(
            scans, folder, spacing, lambda _, message: voice.progress(0.0, message), voice.cancelled
        )
    finally:
        team.wait()
    if store.skipped:
        voice.log("warning", f"{len(store.skipped)} of {len(scans)} {part} scans cannot be used.")
    return store.cases
