"""The job "pretrain": a network learns from scans without labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.errors import BadInputError, MambaMIMError
from mambamim.inference.parameters import (
    a_flag,
    a_path,
    a_text,
    an_integer,
    paths,
    read_parameters,
)
from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.finetune_job import free_memory, run_training
from mambamim.jobs.new_model import NewModel
from mambamim.jobs.training_voice import TrainingVoice

if TYPE_CHECKING:
    from mambamim.data.scan_source import ScanSource
    from mambamim.pretraining.pretrain import PretrainData
    from mambamim.pretraining.pretrain_settings import PretrainSettings
    from mambamim.training.settings import LoopSettings

_READERS: dict[str, Callable[[Any], Any]] = {
    "data": paths,
    "out": a_path,
    "model": a_text,
    "network": a_text,
    "mask_ratio": float,
    "steps": an_integer,
    "batch": an_integer,
    "image_size": an_integer,
    "spacing": float,
    "modality": a_text,
    "device": a_text,
    "name": a_text,
    "overwrite": a_flag,
}
_STEPS, _BATCH, _NETWORK = 2000, 2, "hymamba_small"
_RATE, _LOOKS = 3e-4, 20  # learning rate; validations of a run
_PICTURE = Path("preview") / "reconstruction.png"
# Of a pre-training that is begun with: what the new one must have alike.
_ALIKE = ("image_size", "fill", "transition", "form", "bottom_up", "skips", "target")


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Pre-train on scans without labels; a run folder that holds a state is gone on from.

    One scan is kept apart where there are two or more: the loss on it is told, and its
    reconstruction is drawn.

    Args:
        parameters: `data` (files, folders, lists; may be left out once the scans are prepared in
            the run folder), `out` (the run folder), `name`; optional `model` (a pre-training to go
            on from), `network`, `mask_ratio`, `steps`, `batch`, `image_size` (voxels), `spacing`
            (mm), `modality`, `device`, `overwrite`.
        context: of the job.

    Returns:
        `model` (path), `name`, `finished` (False where a file STOP ended it), `steps`, `seconds`,
        `loss` and `scores`.

    Raises:
        Cancelled: it was paused; the same job goes on from there.
        BadInputError: no scan can be used, a number makes no sense, or the disk is full.
    """
    asked = read_parameters(parameters, _READERS, ("out", "name"))
    out: Path = asked["out"]
    context.progress(0.0, "looking for scans")
    settings = _settings(asked)
    loop = _loop(asked)
    new = NewModel(asked["name"], out, asked.get("overwrite", False))
    scans = _scans(asked, out)
    voice = TrainingVoice(context, [scan.image.name for scan in scans])
    try:
        data = _data(asked, out, scans)
        with device_turn(asked.get("device", "auto"), "training", context) as device:
            return _train(data, settings, loop, {**asked, "device": device}, voice, new)
    except MambaMIMError as error:
        raise voice.cleaned(error) from None
    finally:
        free_memory()


def _train(
    data: PretrainData,
    settings: PretrainSettings,
    loop: LoopSettings,
    asked: dict[str, Any],
    voice: TrainingVoice,
    new: NewModel,
) -> dict[str, Any]:
    from mambamim.pretraining.held_out_picture import HeldOutPicture
    from mambamim.pretraining.pretrain import begin_pretraining
    from mambamim.pretraining.pretrain_task import PretrainTask
    from mambamim.training.team import Team

    out: Path = asked["out"]
    with Team.join(asked["device"]) as team:
        training = begin_pretraining(out, data, settings, loop, team, voice, by_epochs=False)
        task = training.task
        assert isinstance(task, PretrainTask)
        if task.validation_cases:
            shown, size, ratio = task.validation_cases[0], settings.image_size, settings.mask_ratio
            picture = HeldOutPicture(shown, size, ratio, out / _PICTURE)
            task.watch = lambda mim: voice.preview(picture.draw(mim))
        checkpoint = out / f"{settings.name}.safetensors"
        outcome = run_training(training, checkpoint)
    new.put(checkpoint)
    return {
        "model": str(new.path),
        "name": new.path.stem,
        "finished": outcome.finished,
        "steps": outcome.step,
        "seconds": round(outcome.seconds, 1),
        "loss": outcome.loss,
        "scores": outcome.scores,
    }


def _settings(asked: dict[str, Any]) -> PretrainSettings:
    from mambamim.catalogue import resolve_model
    from mambamim.checkpoint_header import read_header
    from mambamim.pretraining.pretrain_settings import PretrainSettings

    alike: dict[str, Any] = {"network": asked.get("network", _NETWORK), "mask_ratio": 0.75}
    alike["spacing_mm"] = 1.5
    if asked.get("model"):
        path = resolve_model(asked["model"])
        header = read_header(path)
        if not header.pretraining:
            raise BadInputError(
                f"{path.name} cannot be pre-trained further: it has no decoder of a pre-training.",
                "Choose a pre-trained model that was saved with it, or none.",
            )
        alike |= {name: header.pretraining[name] for name in (*_ALIKE, "mask_ratio")}
        alike |= {"network": header.architecture["name"], "start_from": str(path)}
        alike |= {"scan": header.architecture.get("scan", "raster")}
        alike |= {"spacing_mm": header.spacing_mm[0], "licence": header.licence}
    given = {"mask_ratio": "mask_ratio", "image_size": "image_size", "spacing": "spacing_mm"}
    alike |= {field: asked[name] for name, field in given.items() if name in asked}
    return PretrainSettings(name=asked["name"], trained_on=("own scans",), zoom=0.15, **alike)


def _loop(asked: dict[str, Any]) -> LoopSettings:
    from mambamim.training.settings import LoopSettings

    steps = asked.get("steps", _STEPS)
    often = max(1, steps // _LOOKS)
    return LoopSettings(
        steps=steps,
        batch=asked.get("batch", _BATCH),
        learning_rate=_RATE,
        warmup=steps // 20,
        validate_every=often,
        save_every=min(500, often),
        log_every=max(1, min(10, steps // 100)),
    )


def _scans(asked: dict[str, Any], out: Path) -> list[ScanSource]:
    """What is learnt from; nothing where the run goes on with what it has prepared."""
    from mambamim.data.scan_lists import find_scans

    if any((out / "state").glob("step-*.safetensors")):
        return []
    data = asked.get("data", ())
    if not data and not (out / "prepared" / "train").is_dir():
        raise BadInputError("There are no scans to learn from.", "Name a folder of scans.")
    return find_scans(data, asked.get("modality", "auto")) if data else []


def _data(asked: dict[str, Any], out: Path, scans: list[ScanSource]) -> PretrainData:
    from mambamim.pretraining.pretrain import PretrainData

    images = [scan.image for scan in scans]
    kept = [images.pop(len(images) // 2)] if len(images) > 1 else []
    said = {scan.modality for scan in scans} or {None}
    modality = said.pop() if len(said) == 1 else None
    return PretrainData(
        tuple(images), tuple(kept), modality or asked.get("modality", "auto"), out / "prepared"
    )
