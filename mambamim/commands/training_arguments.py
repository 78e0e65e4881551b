"""Arguments that all commands which train have in common."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser, Namespace

from mambamim.files import atomic_path
from mambamim.training.settings import LoopSettings

SETTINGS_FILE = "settings.yaml"
HOW_IT_ENDS = (
    "The same command goes on from where a run stands; a file named STOP in the run folder, Ctrl-C "
    "or SIGTERM ends it at the next step. Several GPUs: torchrun --nproc-per-node 4 -m mambamim "
    "%s ... (torchrun itself always ends with 1 where a run ends with 2, 3 or 4)."
)


def add_scans(parser: ArgumentParser, data: str, validation: str) -> None:
    """Where scans are, and where they go.

    Args:
        parser: to add to.
        data: help for --data.
        validation: help for --validation.
    """
    add = parser.add_argument
    add("--config", action="config", help="a run's settings.yaml, instead of the arguments below")
    add("--data", nargs="+", type=str, default=[], metavar="PATH", help=data)
    add("--out", type=str, required=True, metavar="RUN", help="run folder")
    add("--validation", nargs="+", type=str, default=[], metavar="PATH", help=validation)
    add(
        "--modality",
        type=Literal["auto", "CT", "MR"],
        default="auto",
        help="of scans that do not say it; auto looks at their values",
    )
    add("--prepared", type=str, metavar="DIR", help="where prepared scans are kept [RUN/prepared]")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")


def add_loop(parser: ArgumentParser, loop: LoopSettings) -> None:
    """How it is trained, with the defaults of `loop`."""
    add = parser.add_argument
    add("--batch", type=int, default=loop.batch, help="crops a step, over all processes")
    add("--accumulate", type=int, default=loop.accumulate, help="parts of a batch, to save memory")
    add("--learning-rate", type=float, default=loop.learning_rate, help="at its highest")
    add("--weight-decay", type=float, default=loop.weight_decay, help="of AdamW")
    add("--clip", type=float, default=loop.clip, help="largest norm of the gradient, 0 for none")
    add(
        "--precision",
        type=Literal["auto", "bf16", "fp32"],
        default=loop.precision,
        help="bf16 on CUDA",
    )
    add("--average", type=float, default=loop.average, help="decay of averaged weights, 0 for none")
    add("--seed", type=int, default=loop.seed, help="of weights, crops and masks")
    add("--save-every", type=int, default=loop.save_every, help="steps")
    usual = loop.validate_every or loop.save_every
    add("--validate-every", type=int, default=usual, help="steps, where cases are kept apart")
    add("--log-every", type=int, default=loop.log_every, help="steps a row of metrics.csv")
    add("--workers", type=int, default=loop.workers, help="that read crops; -1 chooses")
    add("--tensorboard", action="store_true", help="write RUN/tensorboard too")


def picked(asked: Namespace, kind: type, without: set[str]) -> dict[str, Any]:
    """The arguments that are attributes of a settings class."""
    names = {field.name for field in dataclasses.fields(kind)} - without
    return {name: asked[name] for name in names}


def write_settings(run: Path, parser: ArgumentParser, asked: Namespace) -> None:
    """Every setting as YAML, which --config takes."""
    with atomic_path(run / SETTINGS_FILE) as temporary:
        temporary.write_text(parser.dump(asked), encoding="utf-8")
