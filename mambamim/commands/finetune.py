"""`mambamim finetune`: labelled cases in, a network that finds what they show out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from mambamim.commands.finetune_plan import Plan, plan_of
from mambamim.commands.parser import command_parser
from mambamim.commands.training_arguments import (
    HOW_IT_ENDS,
    add_loop,
    add_scans,
    write_settings,
)
from mambamim.commands.training_run import train
from mambamim.data.presets import PRESETS as DATASETS
from mambamim.finetuning.finetune_settings import NETWORKS, PRESETS, FinetuneSettings
from mambamim.training.settings import LoopSettings

if TYPE_CHECKING:
    from mambamim.training.loop import TrainingLoop
    from mambamim.training.task import Voice
    from mambamim.training.team import Team


def make_parser(preset: str = "paper", verb: str = "finetune") -> ArgumentParser:
    """The arguments with their units, and a preset's values as defaults."""
    parser = command_parser(
        verb,
        "Train a network on labelled cases, from a pre-training, another segmentation, or from "
        "scratch. RUN/NAME.safetensors is the best by mean Dice on the cases kept apart, "
        "RUN/NAME-last.safetensors the last. " + HOW_IT_ENDS % verb,
    )
    add_scans(
        parser,
        "labelled cases: a folder with images/ and labels/, a Decathlon dataset.json, or an "
        "nnU-Net folder; channels are nnU-Net's files, a list of files a case, or a NIfTI's 4th "
        "axis, and a network of one channel is widened: its weights are copied to each, divided "
        "by their number",
        "cases that are kept apart, instead of a share of --data",
    )
    add, numbers = parser.add_argument, PRESETS[preset]
    add(
        "--preset",
        type=Literal["paper", "standard", "quick"],
        default=preset,
        help="defaults of what follows: the paper's recipe, hours, or minutes",
    )
    add(
        "--dataset",
        type=Literal[tuple(DATASETS)],
        help="--data is this public data set as it is published: its classes and split; "
        "of five folds the first is kept apart, test cases are left out",
    )
    add("--validation-share", type=float, default=0.2, help="of --data, kept apart; 0 for none")
    add(
        "--folds",
        type=int,
        default=0,
        help="cross-validation: so many trainings, each with another part of --data kept apart, in "
        "RUN/fold-1, ...; RUN/folds.json tells how the best and the last weights of each did",
    )
    add(
        "--regions",
        action="store_true",
        help="with --dataset kits23: its regions, which overlap, as the challenge scores them",
    )
    add(
        "--labels",
        type=str,
        metavar="FILE",
        help="JSON: what label values are [a dataset.json]; as in nnU-Net, regions that overlap "
        'are {"labels": {"tumour": [1, 2], "core": 2}, "regions_class_order": [1, 2]}, learnt with '
        "Dice + BCE; classes with Dice + cross-entropy",
    )
    add("--classes", nargs="+", type=str, default=[], help="instead: names of the values 1, 2, ...")
    _add_network(parser, preset)
    add("--steps", type=int, default=numbers["steps"], help="of the optimizer")
    add("--warmup", type=int, default=numbers["warmup"], help="steps over which the rate climbs")
    add("--patience", type=int, default=0, help="validations without a better one that end it")
    own = {"batch", "learning_rate", "weight_decay", "average", "validate_every", "save_every"}
    add_loop(parser, LoopSettings(**{name: numbers[name] for name in own}))
    return parser


def _add_network(parser: ArgumentParser, preset: str) -> None:
    """What is trained."""
    add, usual, numbers = parser.add_argument, FinetuneSettings(("any",)), PRESETS[preset]
    add("--network", type=Literal[NETWORKS], default=usual.network, help="without --start-from")
    add(
        "--start-from",
        type=str,
        default="",
        metavar="NAME",
        help="a pre-training or a segmentation: a name (`mambamim models`) or a checkpoint",
    )
    add("--image-size", nargs=3, type=int, default=list(usual.image_size), help="of crops, voxels")
    add(
        "--spacing",
        nargs=3,
        type=float,
        metavar="MM",
        help=f"voxel size to bring cases to [of --start-from, else {numbers['spacing']}]",
    )
    add("--crops-per-scan", type=int, default=usual.crops_per_scan, help="in a round")
    add("--foreground", type=float, default=usual.foreground, help="share of crops at a label")
    add(
        "--augmentation",
        type=Literal["none", "paper", "strong"],
        default=numbers["augmentation"],
        help="how crops are changed",
    )
    add("--name", type=str, default=usual.name, help="of the checkpoint in RUN")
    add("--title", type=str, default="", help="a line about it, for its header")
    add("--trained-on", nargs="+", type=str, default=[], help='"NAME (LICENCE)", for its header')
    add("--licence", type=str, default=usual.licence, help="of the weights, for its header")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser(preset_of(arguments))
    asked = parser.parse_args(list(arguments))
    run = Path(asked.out)
    plan = plan_of(asked, run)

    def accepted() -> None:
        write_settings(run, parser, asked)

    if asked.folds == 0:
        return tune(plan, run, accepted)
    from mambamim.finetuning.folds import check_folds, write_fold_scores

    check_folds(asked.folds, plan.data)
    for fold in range(asked.folds):
        data = dataclasses.replace(plan.data, fold=fold, folds=asked.folds)
        tune(dataclasses.replace(plan, data=data), run / f"fold-{fold + 1}", accepted)
    if os.environ.get("RANK", "0") == "0":
        print(write_fold_scores(run, asked.folds))
    return 0


def tune(plan: Plan, run: Path, accepted: Callable[[], None]) -> int:
    """One fine-tuning in its run folder; returns the exit code."""
    from mambamim.finetuning.finetune import begin_finetuning

    def begin(team: Team, voice: Voice) -> TrainingLoop:
        return begin_finetuning(run, plan.data, plan.settings, plan.loop, team, voice)

    return train("finetune", run, plan.device, begin, plan.settings.name, accepted)


def preset_of(arguments: Sequence[str]) -> str:
    """The preset that is asked for; its values are the defaults of the other arguments."""
    asked = "paper"
    for one, two in zip(arguments, [*arguments[1:], ""], strict=True):
        name = two if one == "--preset" else one.removeprefix("--preset=")
        if one.startswith("--preset") and name in PRESETS:
            asked = name  # the last one counts, as for every argument
    return asked
