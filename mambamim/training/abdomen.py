"""Trains `abdomen-small` on CT painted over real label maps, and on labelled scans.

    python -m mambamim.training.abdomen prepare --data DATA --out BANK
    python -m mambamim.training.abdomen train --bank BANK --out RUN --steps 20000

A file RUN/STOP ends a training at its next step; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from mambamim.catalogue import resolve_model
from mambamim.data.synthetic.anatomy_bank import LABEL_MAPS, Anatomy, read_anatomy
from mambamim.data.synthetic.real_case import RealCase, read_case
from mambamim.errors import BadInputError
from mambamim.training.abdomen_task import AbdomenSettings, AbdomenTask
from mambamim.training.loop import Outcome, TrainingLoop
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

logger = logging.getLogger(__name__)
_LABELLED = "ts_ct_abdomen"  # the scan whose labels are there, too


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


def prepare_bank(data: Path, bank: Path, pseudo: list[tuple[str, Path, Path]]) -> int:
    """Write all anatomies and labelled scans into a folder that is small enough to travel.

    Args:
        data: folder of the public label maps and the labelled scan.
        bank: where to.
        pseudo: name, scan and label map (values of `ABDOMEN_LABELS`, 255 unknown) of scans that a
            network has labelled.

    Returns:
        Bytes of the bank.

    Raises:
        BadInputError: a file is absent or damaged, or two grids differ.
    """
    for name in LABEL_MAPS:
        anatomy = read_anatomy(data, name)
        anatomy.save(bank / f"anatomy-{name}.npz")
        logger.info("%s: %s voxels", name, " x ".join(map(str, anatomy.paint.shape)))
    folder = data / _LABELLED
    source = {**LABEL_MAPS[_LABELLED].source, "kind": "real"}
    cases = [read_case(_LABELLED, folder / "ct.nii.gz", folder / "label.nii.gz", source, True)]
    for name, scan, labels in pseudo:
        about = {"name": name, "licence": "not stated", "kind": "pseudo"}
        cases.append(read_case(name, scan, labels, about))
    for case in cases:
        case.save(bank / f"case-{case.name}.npz")
        logger.info("%s: %s voxels", case.name, " x ".join(map(str, case.labels.shape)))
    return sum(path.stat().st_size for path in bank.glob("*.npz"))


def load_bank(bank: Path) -> tuple[list[Anatomy], list[RealCase]]:
    """What `prepare_bank` wrote.

    Raises:
        BadInputError: there is none, or a file of it is damaged.
    """
    anatomies = [Anatomy.load(path) for path in sorted(bank.glob("anatomy-*.npz"))]
    cases = [RealCase.load(path) for path in sorted(bank.glob("case-*.npz"))]
    if not anatomies and not cases:
        raise BadInputError(f"{bank.name} holds no bank.", "Make one with `prepare`.")
    return anatomies, cases


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
    words = ("NAME", "CT", "LABEL")
    about = "a scan with labels that a network gave it, 255 unknown"
    add("--pseudo", nargs=3, action="append", default=[], metavar=words, help=about)
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
        pseudo = [(name, Path(scan), Path(labels)) for name, scan, labels in asked.pseudo]
        size = prepare_bank(asked.data, asked.out, pseudo)
        logger.info("%s: %.1f MB", asked.out, size / 1e6)
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
