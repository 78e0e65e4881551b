"""The one training loop: many steps, saved and resumed, alone or in a team of processes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mambamim.errors import BadInputError, MambaMIMError
from mambamim.training.batches import read_batches
from mambamim.training.learner import Learner
from mambamim.training.optimizer import rate_at
from mambamim.training.patience import Patience
from mambamim.training.records import Records
from mambamim.training.resume import ResumeState, load_state, save_state
from mambamim.training.run_lock import only_training
from mambamim.training.settings import LoopSettings
from mambamim.training.stopping import StopRequest
from mambamim.training.task import Silence, TrainingTask, Voice
from mambamim.training.team import Team

logger = logging.getLogger(__name__)
# What a resumed run may have otherwise than before: it changes no weight of the steps done.
_FREE = {"steps", "save_every", "validate_every", "log_every", "workers", "tensorboard", "patience"}


class NonFiniteLossError(MambaMIMError):
    """The loss or its gradient is not a number any more."""

    kind = "non_finite_loss"


@dataclass(frozen=True)
class Outcome:
    """How a call of the loop ended.

    Attributes:
        step: steps done, over all calls.
        finished: False if it was stopped before the last step; a run whose patience is over has
            finished.
        seconds: of training, over all calls.
        loss: of the last row of metrics.csv.
        scores: of the last validation.
        by_file: whether a file named STOP was there at its end.
    """

    step: int
    finished: bool
    seconds: float
    loss: float
    scores: dict[str, float] = field(default_factory=dict)
    by_file: bool = False


class TrainingLoop:
    """Trains a task; a run folder that holds a state is gone on from.

    RUN/state has the last two resume states, RUN/metrics.csv and RUN/validation.csv the numbers.
    A file RUN/STOP, SIGTERM, Ctrl-C or a cancelled job end it at the next step, with a state saved.

    Args:
        task: what is trained.
        settings: numbers of the run.
        run: its folder.
        team: this process and the others.
        voice: whom to tell; told by the leading process alone.

    Raises:
        BadInputError: the batch cannot be shared, or the folder holds a run with other settings.
    """

    def __init__(
        self, task: TrainingTask, settings: LoopSettings, run: Path, team: Team, voice: Voice
    ) -> None:
        self.task, self.settings, self.run_folder, self.team = task, settings, run, team
        self.voice = voice if team.leads else Silence()
        settings.share(team.size)
        torch.manual_seed(settings.seed)
        self.learner = Learner(task.module, task.inputs, settings, team)
        self.step, self.seconds = 0, 0.0
        self.scores: dict[str, float] = {}
        self._pending: list[tuple[int, Tensor, Tensor]] = []
        self._mean = math.nan
        self._patience = Patience(settings.patience)
        self._resume()

    def run(self) -> Outcome:
        """Train until the last step, or until asked to stop.

        Raises:
            NonFiniteLossError: loss or gradient is NaN or infinite; names the step and its samples.
            OutOfMemoryError, BadInputError: of the task's data, the disk is full, or another
                training is at work in the folder.
        """
        self.run_folder.mkdir(parents=True, exist_ok=True)
        stop = StopRequest(self.run_folder, self.voice.cancelled)
        with contextlib.ExitStack() as held:
            records = None
            if self.team.leads:
                held.enter_context(only_training(self.run_folder))
                records = Records(self.run_folder, self.step, self.settings.tensorboard)
                held.callback(records.close)
            held.enter_context(stop.signals())
            if self._is_over():
                self._publish()  # it may be wanted under another name
            self._steps(stop, records)
        finished = self._is_over()
        by_file = stop.taken() if self.team.leads else False
        self.team.wait()
        return Outcome(self.step, finished, self.seconds, self._mean, dict(self.scores), by_file)

    def _steps(self, stop: StopRequest, records: Records | None) -> None:
        settings = self.settings
        batches = read_batches(self.task, settings, self.team, self.step)
        saved, clock, before = self.step, time.perf_counter(), self.seconds
        self.learner.module.train()
        while self._goes_on(stop):
            loss, norm = self.learner.learn(batches, self.step)
            self._pending.append((self.step, loss, norm))
            self.step += 1
            self.seconds = before + time.perf_counter() - clock
            telling, saving = self._due(settings.log_every), self._due(settings.save_every)
            validating = self._due(settings.validate_every)
            if telling or saving or validating or self.team.device.type == "cpu":
                self._check_losses()
            if telling:
                self._tell(records)
            if validating:
                self._validate(records)
            if saving:
                self._save()
                saved = self.step
            if saving or validating:
                self._publish()
        self._check_losses()
        if self._pending:
            self._tell(records)
        if self.step > saved:
            self._save()
            self._publish()

    def _goes_on(self, stop: StopRequest) -> bool:
        """Whether there is another step; the processes are asked once, as it costs time."""
        return self.step < self.settings.steps and not self.team.any(self._patience.over or stop())

    def _is_over(self) -> bool:
        return self.step >= self.settings.steps or self.team.any(self._patience.over)

    def _due(self, every: int) -> bool:
        """Whether it is time for what is done every few steps (0: never) and after the last one."""
        return every > 0 and (self.step == self.settings.steps or self.step % every == 0)

    def _check_losses(self) -> None:
        """Waits for the device; stops where a step since the last row has no number."""
        for step, loss, norm in self._pending:
            if self.team.any(not math.isfinite(float(loss) + float(norm))):
                first = step * self.settings.batch
                raise NonFiniteLossError(
                    f"The loss or its gradient is not a finite number at step {step} (samples "
                    f"{first} to {first + self.settings.batch - 1}).",
                    "Look at those samples, or take a lower learning rate; the last resume state "
                    "is from before.",
                )

    def _tell(self, records: Records | None) -> None:
        losses = [float(loss) for _, loss, _ in self._pending]
        norms = [float(norm) for _, _, norm in self._pending]
        self._pending.clear()
        self._mean = self.team.mean(sum(losses) / len(losses))  # each knows its share of the batch
        rate = rate_at(self.step - 1, self.settings)
        row = (self.step, self.seconds, self._mean, rate, sum(norms) / len(norms))
        if records is None:
            return
        names = ("step", "seconds", "loss", "learning_rate", "gradient_norm")
        records.add(dict(zip(names, row, strict=True)))
        self.voice.metric(self.step, "loss", self._mean)
        self.voice.progress(
            self.step / self.settings.steps,
            f"step {self.step} of {self.settings.steps}, loss {self._mean:.4f}",
        )

    def _validate(self, records: Records | None) -> None:
        if records is not None:
            module = self.learner.published()
            module.eval()
            with torch.no_grad(), self.learner.precision():
                self.scores = self.task.validate(module)
            module.train()
            self._patience.see(self.scores)
            records.validated(self.step, self.scores)
            for name, value in self.scores.items():
                self.voice.metric(self.step, name, value)
        self.team.wait()

    def _save(self) -> None:
        if self.team.leads:
            save_state(
                self.run_folder, ResumeState(self.step, self.learner.tensors(), self._facts())
            )
        self.team.wait()

    def _publish(self) -> None:
        if self.team.leads:
            self.task.publish(self.learner.published(), self.run_folder, self.step, self.scores)
        self.team.wait()

    def _facts(self) -> dict[str, Any]:
        return {
            "settings": dataclasses.asdict(self.settings),
            "task": self.task.facts,
            "seconds": self.seconds,
            "loss": self._mean,
            "scores": self.scores,
            "patience": self._patience.to_json(),
        }

    def _resume(self) -> None:
        state = load_state(self.run_folder)
        if state is None:
            return
        self._compare(state.facts)
        self.learner.restore(state.tensors)
        self.step, self.seconds = state.step, float(state.facts["seconds"])
        self.scores = dict(state.facts["scores"])
        self._mean = float(state.facts.get("loss", math.nan))
        self._patience.restore(state.facts.get("patience", [None, 0]))
        logger.info("resumed at step %d", self.step)

    def _compare(self, facts: dict[str, Any]) -> None:
        """Refuse to go on from a run that was another one."""
        now, then = json.loads(json.dumps(self._facts())), facts
        for part in ("settings", "task"):
            for name in sorted({*now[part], *then[part]}):
                ours, theirs = now[part].get(name), then[part].get(name)
                if ours != theirs and name not in _FREE:
                    raise BadInputError(
                        f"The run {self.run_folder.name} was begun with {name} = {theirs}, not "
                        f"{ours}.",
                        "Take the same again, or another folder.",
                    )
