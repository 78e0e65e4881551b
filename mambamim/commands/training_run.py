"""A training started from a shell, alone or by torchrun."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.commands.run_voice import run_voice
from mambamim.errors import Cancelled

if TYPE_CHECKING:
    from mambamim.training.loop import TrainingLoop
    from mambamim.training.task import Voice
    from mambamim.training.team import Team


def train(
    verb: str,
    run: Path,
    device: str,
    begin: Callable[[Team, Voice], TrainingLoop],
    name: str,
    accepted: Callable[[], None],
) -> int:
    """Run a training to its end; returns the exit code.

    Args:
        verb: the command's name.
        run: the run folder.
        device: as `Team.join` takes it.
        begin: makes the training.
        name: of the checkpoint in the run folder.
        accepted: called once it is clear that the run can be: a refused call leaves the settings
            of the run it met.

    Raises:
        Cancelled: it was stopped before its end.
    """
    from mambamim.training.task import Silence
    from mambamim.training.team import Team

    with Team.join(device) as team:
        if not team.leads:
            begin(team, Silence()).run()
            return 0
        with run_voice(verb, run) as voice:
            training = begin(team, voice)
            accepted()
            outcome = training.run()
            if not outcome.finished:
                raise Cancelled(
                    f"Stopped at step {outcome.step}.", "The same command goes on from there."
                )
            place = run / f"{name}.safetensors"
            facts: dict[str, Any] = dataclasses.asdict(outcome)
            voice.result({**facts, "output": str(place)})
    print(f"{outcome.step} steps in {outcome.seconds:.0f} s, loss {outcome.loss:.4f} -> {place}")
    return 0
