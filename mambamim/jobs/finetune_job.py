"""The job "finetune": a network learns from the labelled cases of a project."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.parameters import a_flag, a_path, a_text, read_parameters
from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.new_model import NewModel
from mambamim.jobs.training_voice import TrainingVoice, metric_name

if TYPE_CHECKING:
    from mambamim.finetuning.project_plan import ProjectPlan
    from mambamim.training.loop import Outcome, TrainingLoop


def a_preset(value: Any) -> Any:
    """A preset's name, or numbers."""
    return value if isinstance(value, dict) else a_text(value)


_READERS = {
    "project": a_path,
    "out": a_path,
    "model": a_text,
    "preset": a_preset,
    "device": a_text,
    "name": a_text,
    "title": a_text,
    "overwrite": a_flag,
}


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Fine-tune on a project; a run folder that holds a state is gone on from.

    Args:
        parameters: `project` and `out` (the run folder); optional `model` (name or path to begin
            with, "" for fresh weights), `preset` ("quick", "standard", "paper", or numbers),
            `device`, `name` and `title` of the new model, `overwrite`.
        context: of the job.

    Returns:
        `model` (path), `name`, `finished` (False where a file STOP ended it), `steps`, `seconds`,
        `loss`, `scores` (of the best, named as the metrics), `scored_step`, and `base_scores` (of
        the model begun with, on the same cases, for the classes that it knows).

    Raises:
        Cancelled: it was paused; the same job goes on from there.
        BadInputError: the project, the model or a number cannot be used, or the disk is full.
    """
    asked = read_parameters(parameters, _READERS, ("project", "out", "name"))
    out: Path = asked["out"]
    from mambamim.finetuning.project_plan import plan_project
    from mambamim.project import Project

    project = Project.open(asked["project"])
    plan = plan_project(
        project,
        asked.get("model", ""),
        asked.get("preset", "quick"),
        asked["name"],
        asked.get("title", ""),
    )
    new = NewModel(asked["name"], out, asked.get("overwrite", False))
    changed = project.verify()
    if changed:
        raise BadInputError(
            f"The files of {', '.join(changed)} are not what was added to the project.",
            "Take these cases out and add them again.",
        )
    try:
        with device_turn(asked.get("device", "auto"), "training", context) as device:
            return _train(plan, out, device, TrainingVoice(context), new)
    finally:
        free_memory()


def _train(
    plan: ProjectPlan, out: Path, device: str, voice: TrainingVoice, new: NewModel
) -> dict[str, Any]:
    from mambamim.finetuning.base_scores import base_scores
    from mambamim.finetuning.case_preview import CasePreview
    from mambamim.finetuning.finetune import begin_finetuning
    from mambamim.finetuning.finetune_task import FinetuneTask
    from mambamim.training.team import Team

    voice.progress(0.0, "preparing")
    with Team.join(device) as team:
        training = begin_finetuning(out, plan.data(), plan.settings, plan.loop, team, voice)
        task = training.task
        assert isinstance(task, FinetuneTask)
        apart = [case for case in plan.project.cases if case.split == "validation"]
        if apart:
            task.watch = CasePreview(apart[0], plan.settings.spacing_mm, out, voice.preview)
        before = base_scores(task, plan.base, out, team.device, voice)
        outcome = run_training(training, out / f"{plan.settings.name}.safetensors")
    checkpoint = out / f"{plan.settings.name}.safetensors"
    new.put(checkpoint)
    from mambamim.checkpoint_header import read_header

    facts = read_header(checkpoint).training
    return {
        "model": str(new.path),
        "name": new.path.stem,
        "finished": outcome.finished,
        "steps": outcome.step,
        "seconds": round(outcome.seconds, 1),
        "loss": outcome.loss,
        "scores": _told(facts.get("scores", {})),
        "scored_step": facts.get("steps"),
        "base_scores": _told(before),
    }


def _told(scores: dict[str, float]) -> dict[str, float]:
    """Scores under the names of the metrics."""
    return {metric_name(name): value for name, value in scores.items()}


def run_training(training: TrainingLoop, checkpoint: Path) -> Outcome:
    """Train to the end, or until a file STOP; anything else that stops it is a pause.

    Args:
        training: ready.
        checkpoint: what it publishes.

    Raises:
        Cancelled: it was paused, or stopped before there was anything to keep.
    """
    outcome = training.run()
    if not outcome.finished and not (outcome.by_file and checkpoint.is_file()):
        raise Cancelled(
            f"Paused at step {outcome.step} of {training.settings.steps}.",
            "Start it again to go on from there.",
        )
    return outcome


def free_memory() -> None:
    """Give a graphics card's memory back that nothing needs any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
