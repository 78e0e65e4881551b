"""Trains `abdomen-small` on CT painted over real label maps, and on labelled scans.

    python -m mambamim.training.abdomen prepare --data DATA --out BANK --unlabelled NAME LICENCE CT
    python -m mambamim.training.abdomen train --bank BANK --out RUN --steps 20000
    python -m mambamim.training.abdomen label --bank BANK --models RUN/abdomen-small.safetensors

The last gives the unlabelled scans of a bank the labels that the models agree on, to train again.
A file RUN/STOP ends a training at its next step; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from mambamim.catalogue import resolve_model
from mambamim.training.abdomen_bank import load_bank, prepare_bank
from mambamim.training.abdomen_task import AbdomenSettings, AbdomenTask
from mambamim.training.loop import Outcome, TrainingLoop
from mambamim.training.pseudo_labels import label_bank
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

logger = logging.getLogger(__name__)


class LogVoice:
    """Tells a training to the log."""

    def progress(self, fraction: float, message: str) -> None:
        """How far it is, 0..1."""
        logger.info("%3.0f %%  %s", 100 * fraction, message)

    def metric(self, step: int, name: str, value: float) -> None:
        """A measured value; losses are told with the progress."""
        if name != "loss":
            logger.info("step %d  %s %.3f", step, name, value)

    def log(self, level: str, message: str) -> None:
        """Something a person should know."""
        logger.log(logging.getLevelName(level.upper()), message)

    def cancelled(self) -> bool:
        """Only a signal or a file stops it."""
        return False


def train(
    bank: Path, run: Path, settings: AbdomenSettings, loop: LoopSettings, device: str = "auto"
) -> Outcome:
    """Train, or go on from where the run stands.

    Raises:
        BadInputError: no bank, nothing of the name that is to be held back, or settings that differ
            from the run's.
        CheckpointError: what to start from does not fit.
    """
    anatomies, cases = load_bank(bank)
    with Team.join(device) as team:
        if team.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        task = AbdomenTask(anatomies, cases, settings, loop.seed, team.device)
        return TrainingLoop(task, loop, run, team, LogVoice()).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    add = parts.add_parser("prepare", help="label maps and labelled scans to a bank").add_argument
    add("--data", type=Path, required=True, help="folder of the public data")
    add("--out", type=Path, required=True, metavar="BANK")
    words, about = ("NAME", "LICENCE", "CT"), "a scan without labels, for `label`"
    add("--unlabelled", nargs=3, action="append", default=[], metavar=words, help=about)
    add = parts.add_parser("label", help="labels for the unlabelled scans of a bank").add_argument
    add("--bank", type=Path, required=True)
    add("--models", nargs="+", required=True, metavar="MODEL", help="names or checkpoints")
    add("--device", default="auto")
    add = parts.add_parser("train", help="a bank to a network").add_argument
    chosen, loop = AbdomenSettings(), LoopSettings()
    add("--bank", type=Path, required=True)
    add("--out", type=Path, required=True, metavar="RUN")
    add("--steps", type=int, required=True)
    add("--hold-back", default="", metavar="NAME", help="keep this body and scan for validation")
    add("--start-from", default="", metavar="MODEL", help="a name or a checkpoint")
    add("--batch", type=int, default=4)
    add("--accumulate", type=int, default=1, help="parts of a batch, to save memory")
    add("--size", type=int, default=chosen.size, help="voxels along a crop's side")
    add("--learning-rate", type=float, default=1e-3, help="at its highest")
    add("--warmup", type=int, default=200, help="steps")
    add("--average", type=float, default=0.998, help="decay of the averaged weights")
    add("--real-share", type=float, default=chosen.real_share, help="of crops of labelled scans")
    add("--coarse-share", type=float, default=chosen.coarse_share, help="of crops at 3 mm")
    add("--save-every", type=int, default=400, help="steps; about a minute's")
    add("--validate-every", type=int, default=2000, help="steps, 0 for never")
    add("--log-every", type=int, default=50, help="steps")
    add("--precision", choices=("auto", "bf16", "fp32"), default=loop.precision)
    add("--device", default="auto")
    add("--seed", type=int, default=0)
    return parser


def main() -> None:
    """Command line."""
    asked = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if asked.part == "prepare":
        scans = [(name, licence, Path(scan)) for name, licence, scan in asked.unlabelled]
        size = prepare_bank(asked.data, asked.out, scans)
        logger.info("%s: %.1f MB", asked.out, size / 1e6)
        return
    if asked.part == "label":
        label_bank(asked.bank, [resolve_model(name) for name in asked.models], asked.device)
        return
    settings = AbdomenSettings(
        size=asked.size,
        real_share=asked.real_share,
        coarse_share=asked.coarse_share,
        hold_back=asked.hold_back,
        start_from=str(resolve_model(asked.start_from)) if asked.start_from else "",
    )
    loop = LoopSettings(
        steps=asked.steps,
        batch=asked.batch,
        accumulate=asked.accumulate,
        learning_rate=asked.learning_rate,
        lowest=0.02,
        warmup=min(asked.warmup, asked.steps // 2),
        weight_decay=2e-2,
        precision=asked.precision,
        average=asked.average,
        seed=asked.seed,
        save_every=asked.save_every,
        validate_every=asked.validate_every,
        log_every=asked.log_every,
        workers=0,  # crops are painted in this process, on its device
    )
    outcome = train(asked.bank, asked.out, settings, loop, asked.device)
    logger.info(
        "%d steps in %.0f s, loss %.4f, %s",
        *(outcome.step, outcome.seconds, outcome.loss),
        "finished" if outcome.finished else "stopped; the same command goes on",
    )


if __name__ == "__main__":
    main()
