"""Whether a training waits for its data: crops a second that are read, and that its steps take.

    python benchmarks/feeding.py [--device auto] [--tasks TASK...] [--seconds 2] [--json FILE]

A synthetic CT is prepared as trainings prepare theirs. Crops are of 96^3; fine-tuning changes them
by the "strong" augmentation. In each row:

- loader: crops a second that the training's own loader gives with so many worker processes (0: the
  training process reads), when nothing else is done. The row with a * has as many as a training
  takes on this machine.
- step: crops a second that training steps take when one batch is at hand all the time.
- ratio: loader to step. Below 1 the step waits, whatever is read ahead.
- loop: crops a second of the training loop, the batches that were read ahead before it began not
  counted, and the share of its time that it waits for the next batch.

On a CPU `hymamba_small`, one crop a step; on a graphics card `hymamba` too, 8 crops a step in
pre-training and 4 in fine-tuning.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import finish, wait_for

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.phantom import make_phantom, write_nifti
from mambamim.finetuning.finetune import FinetuneData, begin_finetuning
from mambamim.finetuning.finetune_settings import PRESETS, FinetuneSettings
from mambamim.finetuning.label_scheme import LabelScheme
from mambamim.memory import keep_large_buffers
from mambamim.pretraining.pretrain import PretrainData, begin_pretraining
from mambamim.pretraining.pretrain_settings import PretrainSettings
from mambamim.training.batches import READ_AHEAD, read_batches
from mambamim.training.loop import TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

TASKS = ("pre-training", "fine-tuning")
SHAPE = (176, 160, 160)
ENDLESS = {"steps": 10**8, "save_every": 10**8}
WARM_UP = 4  # steps: compiling, filling caches, recording
LEAST = 2  # steps that are timed at least


class Enough(Exception):  # noqa: N818 (nothing went wrong)
    """Ends a training loop that has been watched long enough."""


class Watch:
    """Stands in for the `learn` of a loop's learner: times the steps, and the wait for batches.

    Args:
        loop: not yet run.
        skipped: steps that are not timed.
        seconds: how long to watch then.

    Attributes:
        steps: timed.
        taken: seconds of them.
        waited: seconds of these that went into waiting for batches.
    """

    def __init__(self, loop: TrainingLoop, skipped: int, seconds: float) -> None:
        self._learner, self._device = loop.learner, loop.team.device
        self._learn, self._skipped, self._seconds = loop.learner.learn, skipped, seconds
        self.steps, self.taken, self.waited, self._began = 0, 0.0, 0.0, 0.0
        self._learner.learn = self  # type: ignore[method-assign, assignment]

    def __call__(self, batches: Iterator[Any], step: int) -> Any:
        """A step of the loop.

        Raises:
            Enough: it is time.
        """
        self.steps = step - self._skipped
        if self.steps == 0:
            wait_for(self._device)
            self._began, self.waited = time.perf_counter(), 0.0
        elif self.steps >= LEAST and time.perf_counter() - self._began >= self._seconds:
            wait_for(self._device)
            self.taken = time.perf_counter() - self._began
            self._learner.learn = self._learn  # type: ignore[method-assign]
            raise Enough
        return self._learn(self._watched(batches), step)

    def _watched(self, batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            began = time.perf_counter()
            batch = next(batches)
            self.waited += time.perf_counter() - began
            yield batch


def write_scan(folder: Path, shape: tuple[int, int, int]) -> LabelScheme:
    """A phantom as a user would have it, images/ and labels/; returns what its labels mean."""
    phantom = make_phantom(7, shape)
    for part, array in (("images", phantom.ct), ("labels", phantom.labels)):
        (folder / part).mkdir()
        write_nifti(folder / part / "phantom.nii.gz", array, phantom.affine)
    shown = [int(value) for value in np.unique(phantom.labels) if value]
    names = {value: ABDOMEN_LABELS[value] for value in shown}
    return LabelScheme(tuple(names.values()), names, {})


def begin(task: str, network: str, folder: Path, scheme: LabelScheme, team: Team) -> TrainingLoop:
    """A training as the program begins it."""
    card, voice = team.device.type == "cuda", Silence()
    run = folder / f"{task}-{network}"
    if task == "pre-training":
        settings = LoopSettings(**ENDLESS, batch=8 if card else 1)
        scans = PretrainData((folder / "images",), (), "CT", folder / "prepared-scans")
        recipe = PretrainSettings(network)
        return begin_pretraining(run, scans, recipe, settings, team, voice, by_epochs=False)
    preset = PRESETS["standard" if card else "quick"]
    chosen = {name: preset[name] for name in ("batch", "learning_rate", "weight_decay", "average")}
    tuning = FinetuneSettings(
        scheme.classes,
        network,
        spacing_mm=preset["spacing"],
        augmentation=preset["augmentation"],
    )
    cases = FinetuneData((folder,), (), 0.0, "CT", folder / "prepared-cases", scheme)
    return begin_finetuning(run, cases, tuning, LoopSettings(**ENDLESS, **chosen), team, voice)


def loader_rate(loop: TrainingLoop, workers: int, seconds: float) -> float:
    """Crops a second from the loader."""
    settings = dataclasses.replace(loop.settings, workers=workers)
    batches = read_batches(loop.task, settings, loop.team, 0)
    for _ in range(1 + workers):  # each worker has begun, and none is ahead
        next(batches)
    began, count = time.perf_counter(), 0
    while count < LEAST or time.perf_counter() - began < seconds:
        next(batches)
        count += 1
    return count * settings.batch / (time.perf_counter() - began)


def step_rate(loop: TrainingLoop, seconds: float) -> float:
    """Crops a second of the steps alone."""
    settings, device = dataclasses.replace(loop.settings, workers=0), loop.team.device
    batch = next(read_batches(loop.task, settings, loop.team, 0))
    held = itertools.repeat({name: batch[name].to(device) for name in loop.task.inputs})
    loop.learner.module.train()
    for step in range(WARM_UP):
        loop.learner.learn(held, step)
    wait_for(device)
    began, count = time.perf_counter(), 0
    while count < LEAST or time.perf_counter() - began < seconds:
        # The loop looks at the losses that often: else Python would run far ahead of a card.
        loss, _ = loop.learner.learn(held, count)
        count += 1
        if count % settings.log_every == 0:
            float(loss)
    wait_for(device)
    return count * settings.batch / (time.perf_counter() - began)


def loop_rate(loop: TrainingLoop, workers: int, seconds: float) -> tuple[float, float]:
    """Crops a second of the loop, and the share of its time that it waits for batches."""
    watch = Watch(loop, 1 + READ_AHEAD * workers, seconds)
    with contextlib.suppress(Enough):
        loop.run()
        raise SystemExit("The training was stopped before it could be timed.")
    return watch.steps * loop.settings.batch / watch.taken, watch.waited / watch.taken


def worker_counts(usual: int) -> list[int]:
    """How many workers are tried where a training takes `usual`."""
    return sorted({0, usual, *((usual // 2,) if usual > 1 else (1, 2))})


def measure(
    task: str, network: str, loop: TrainingLoop, loaders: dict[int, float], seconds: float
) -> list[dict[str, Any]]:
    """A row for each number of workers, of which the loader's rates are given."""
    usual = loop.settings.reading_workers(loop.team.device.type, loop.team.size)
    alone = step_rate(loop, seconds)
    whole, waited = loop_rate(loop, usual, seconds)
    return [
        {
            "task": task,
            "network": network,
            "batch": loop.settings.batch,
            "workers": workers,
            "usual": workers == usual,
            "loader": rate,
            "step": alone,
            "ratio": rate / alone,
            "loop": whole if workers == usual else None,
            "waited": waited if workers == usual else None,
        }
        for workers, rate in loaders.items()
    ]


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    loop = f"{row['loop']:8.1f} {100 * row['waited']:7.1f} %" if row["usual"] else ""
    return (
        f"{row['task']:13} {row['network']:14} {row['batch']:5d} {row['workers']:7d}"
        f"{'*' if row['usual'] else ' '} {row['loader']:8.1f} {row['step']:8.1f} "
        f"{row['ratio']:6.2f} {loop}"
    ).rstrip()


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="as mambamim segment takes it")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, help="rows for these")
    parser.add_argument("--seconds", type=float, default=2.0, help="that each number is taken over")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, Team.join(options.device) as team:
        folder = Path(name)
        scheme = write_scan(folder, SHAPE)
        print(f"{'':42} {'crops a second':>17}")
        print(
            f"{'task':13} {'network':14} {'batch':>5} {'workers':>7}  {'loader':>8} {'step':>8} "
            f"{'ratio':>6} {'loop':>8} {'waited':>9}"
        )
        networks = (
            ("hymamba", "hymamba_small") if team.device.type == "cuda" else ("hymamba_small",)
        )
        for task in options.tasks:
            loaders: dict[int, float] = {}
            for network in networks:
                loop = begin(task, network, folder, scheme, team)
                if not loaders:
                    usual = loop.settings.reading_workers(team.device.type, team.size)
                    loaders = {
                        workers: loader_rate(loop, workers, options.seconds)
                        for workers in worker_counts(usual)
                    }
                for row in measure(task, network, loop, loaders, options.seconds):
                    rows.append(row)
                    print(line(row), flush=True)
    finish({"rows": rows}, options.json)


if __name__ == "__main__":
    main()
