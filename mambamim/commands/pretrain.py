"""`mambamim pretrain`: scans without labels in, a pre-trained network out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from mambamim.catalogue import resolve_model
from mambamim.commands.parser import command_parser
from mambamim.commands.training_arguments import (
    HOW_IT_ENDS,
    add_loop,
    add_scans,
    picked,
    write_settings,
)
from mambamim.commands.training_run import train
from mambamim.errors import BadInputError
from mambamim.pretraining.pretrain_settings import PretrainSettings
from mambamim.training.settings import LoopSettings

if TYPE_CHECKING:
    from mambamim.training.loop import TrainingLoop
    from mambamim.training.task import Voice
    from mambamim.training.team import Team


def make_parser() -> ArgumentParser:
    """The arguments with their units and defaults."""
    parser = command_parser(
        "pretrain",
        "Pre-train a network on scans without labels, by masked image modelling. "
        + HOW_IT_ENDS % "pretrain",
    )
    add_scans(
        parser,
        "scans: files, folders of them, a Decathlon dataset.json, an nnU-Net folder; may be left "
        "out where --prepared holds prepared scans",
        "scans that are kept apart; the loss on them is told",
    )
    _add_network(parser)
    add = parser.add_argument
    add("--steps", type=int, default=0, help="of the optimizer, instead of --epochs")
    add("--warmup", type=int, default=0, help="steps, with --steps")
    add_loop(parser, LoopSettings())
    return parser


def _add_network(parser: ArgumentParser) -> None:
    """What is trained; the defaults are the paper's."""
    add, paper = parser.add_argument, PretrainSettings()
    networks = Literal["hymamba", "hymamba_paper", "hymamba_small", "vanilla_mamba", "hymamba_cnn"]
    add("--network", type=networks, default=paper.network, help="encoder to pre-train")
    add("--image-size", type=int, default=paper.image_size, help="side of a crop, voxels")
    add("--mask-ratio", type=float, default=paper.mask_ratio, help="share of patches masked")
    add("--fill", type=Literal["toki", "learnable"], default=paper.fill, help="masked tokens")
    add(
        "--transition",
        type=Literal["diagonal", "dense"],
        default=paper.transition,
        help="TOKI's filter",
    )
    add(
        "--form",
        type=Literal["equation8", "algorithm3"],
        default=paper.form,
        help="TOKI's interpolants",
    )
    add("--bottom-up", type=bool, default=paper.bottom_up, help="false: two masks (ablation)")
    add("--skips", type=bool, default=paper.skips, help="false: a decoder without skips (ablation)")
    add("--target", type=Literal["normalised", "raw"], default=paper.target, help="per patch")
    scans = Literal["raster", "zigzag", "hilbert", "shuffle"]
    add("--scan", type=scans, default=paper.scan, help="order of the tokens")
    add(
        "--spacing",
        type=float,
        default=paper.spacing_mm,
        metavar="MM",
        help="voxel size to bring scans to; 0 keeps each scan's own",
    )
    add("--epochs", type=float, default=paper.epochs, help="turns of each scan, 4 crops each")
    add("--warmup-epochs", type=float, default=paper.warmup_epochs, help="the rate climbs")
    add("--crops-per-scan", type=int, default=paper.crops_per_scan, help="in an epoch")
    add("--foreground", type=float, default=paper.foreground, help="share of crops in tissue")
    add("--zoom", type=float, default=paper.zoom, help="crops of 1 +- ZOOM times their size")
    add(
        "--start-from",
        type=str,
        default=paper.start_from,
        metavar="NAME",
        help="an earlier pre-training to begin with: a name (`mambamim models`) or a checkpoint",
    )
    add("--name", type=str, default=paper.name, help="of the checkpoint in RUN")
    add("--trained-on", nargs="+", type=str, default=[], help='"NAME (LICENCE)", for its header')
    add("--licence", type=str, default=paper.licence, help="of the weights, for its header")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser()
    asked = parser.parse_args(list(arguments))
    run = Path(asked.out)
    if not asked.data and not asked.prepared:
        raise BadInputError("There are no scans to learn from.", "Name them with --data.")
    from mambamim.pretraining.pretrain import PretrainData, begin_pretraining

    settings = PretrainSettings(
        spacing_mm=asked.spacing or None,
        trained_on=tuple(asked.trained_on),
        start_from=str(resolve_model(asked.start_from)) if asked.start_from else "",
        **picked(asked, PretrainSettings, {"spacing_mm", "trained_on", "start_from"}),
    )
    free = {"lowest", "validate_every", "steps", "patience"}
    loop = LoopSettings(
        steps=asked.steps or 1,
        validate_every=asked.validate_every if asked.validation or not asked.data else 0,
        **picked(asked, LoopSettings, free),
    )
    data = PretrainData(
        tuple(map(Path, asked.data)),
        tuple(map(Path, asked.validation)),
        asked.modality,
        Path(asked.prepared) if asked.prepared else run / "prepared",
    )

    def begin(team: Team, voice: Voice) -> TrainingLoop:
        return begin_pretraining(run, data, settings, loop, team, voice, not asked.steps)

    return train(
        "pretrain", run, asked.device, begin, settings.name,
        lambda: write_settings(run, parser, asked),
    )  # fmt: skip
