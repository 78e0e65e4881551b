"""The job "estimate": what a fine-tuning would take."""

from __future__ import annotations

import dataclasses
from typing import Any

from mambamim.errors import BadInputError
from mambamim.inference.parameters import a_path, a_text, read_parameters
from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.finetune_job import a_preset, free_memory
from mambamim.jobs.training_voice import TrainingVoice

_READERS = {"project": a_path, "model": a_text, "preset": a_preset, "device": a_text}


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Time some steps on noise; nothing is written.

    Args:
        parameters: `project`, and `model`, `preset` and `device` as of the job "finetune".
        context: of the job.

    Returns:
        `seconds`, `memory_bytes`, `steps`, `step_seconds`, and `device`.

    Raises:
        BadInputError: the project has no class, or something cannot be used.
        OutOfMemoryError: the device has too little memory for it.
    """
    asked = read_parameters(parameters, _READERS, ("project",))
    context.progress(0.0, "loading")
    from mambamim.finetuning.project_plan import plan_project
    from mambamim.finetuning.training_cost import training_cost
    from mambamim.project import Project
    from mambamim.training.team import Team

    project = Project.open(asked["project"])
    if not project.classes:
        raise BadInputError("The project has no classes yet.", "Add a case first.")
    plan = plan_project(project, asked.get("model", ""), asked.get("preset", "quick"))
    try:
        turn = device_turn(asked.get("device", "auto"), "timing steps", context)
        with turn as device, Team.join(device) as team:
            cost = training_cost(plan, team, TrainingVoice(context))
            return {**dataclasses.asdict(cost), "device": str(team.device)}
    finally:
        free_memory()
