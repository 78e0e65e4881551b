"""`mambamim pretrain`: scans without labels in, a pre-trained network out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser, Namespace

from mambamim.catalogue import resolve_model
from mambamim.commands.parser import command_parser
from mambamim.commands.run_voice import run_voice
from mambamim.errors import BadInputError, Cancelled
from mambamim.files import atomic_path
from mambamim.pretraining.pretrain_settings import PretrainSettings
from mambamim.training.settings import LoopSettings

SETTINGS_FILE = "settings.yaml"


def make_parser() -> ArgumentParser:
    """The arguments with their units and defaults."""
    parser = command_parser(
        "pretrain",
        "Pre-train a network on scans without labels, by masked image modelling. The same command "
        "goes on from where a run stands; a file named STOP in the run folder, Ctrl-C or SIGTERM "
        "ends it at the next step. Several GPUs: torchrun --nproc-per-node 4 -m mambamim pretrain "
        "...",
    )
    add = parser.add_argument
    add("--config", action="config", help="a run's settings.yaml, instead of the arguments below")
    add(
        "--data",
        nargs="+",
        type=str,
        default=[],
        metavar="PATH",
        help="scans: files, folders of them, a Decathlon dataset.json, an nnU-Net folder; may be "
        "left out where --prepared holds prepared scans",
    )
    add("--out", type=str, required=True, metavar="RUN", help="run folder")
    add(
        "--validation",
        nargs="+",
        type=str,
        default=[],
        metavar="PATH",
        help="scans that are kept apart; the loss on them is told",
    )
    add(
        "--modality",
        type=Literal["auto", "CT", "MR"],
        default="auto",
        help="of scans that do not say it; auto looks at their values",
    )
    add("--prepared", type=str, metavar="DIR", help="where prepared scans are kept [RUN/prepared]")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")
    _add_network(parser)
    _add_loop(parser)
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


def _add_loop(parser: ArgumentParser) -> None:
    """How it is trained."""
    add, loop = parser.add_argument, LoopSettings()
    add("--steps", type=int, default=0, help="of the optimizer, instead of --epochs")
    add("--warmup", type=int, default=0, help="steps, with --steps")
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
    add("--validate-every", type=int, default=loop.save_every, help="steps, with --validation")
    add("--log-every", type=int, default=loop.log_every, help="steps a row of metrics.csv")
    add("--workers", type=int, default=loop.workers, help="that read crops; -1 chooses")
    add("--tensorboard", action="store_true", help="write RUN/tensorboard too")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser()
    asked = parser.parse_args(list(arguments))
    run = Path(asked.out)
    if not asked.data and not asked.prepared:
        raise BadInputError("There are no scans to learn from.", "Name them with --data.")
    settings = PretrainSettings(
        spacing_mm=asked.spacing or None,
        trained_on=tuple(asked.trained_on),
        start_from=str(resolve_model(asked.start_from)) if asked.start_from else "",
        **_picked(asked, PretrainSettings, {"spacing_mm", "trained_on", "start_from"}),
    )
    free = {"lowest", "validate_every", "steps"}
    loop = LoopSettings(
        steps=asked.steps or 1,
        validate_every=asked.validate_every if asked.validation or not asked.data else 0,
        **_picked(asked, LoopSettings, free),
    )
    # Once it is clear that the run can be: a refused call leaves the settings of the run it met.
    return _train(run, asked, settings, loop, lambda: _write_settings(run, parser, asked))


def _train(
    run: Path,
    asked: Namespace,
    settings: PretrainSettings,
    loop: LoopSettings,
    accepted: Callable[[], None],
) -> int:
    from mambamim.pretraining.pretrain import PretrainData, begin_pretraining
    from mambamim.training.task import Silence
    from mambamim.training.team import Team

    data = PretrainData(
        tuple(map(Path, asked.data)),
        tuple(map(Path, asked.validation)),
        asked.modality,
        Path(asked.prepared) if asked.prepared else run / "prepared",
    )
    plan = run, data, settings, loop
    with Team.join(asked.device) as team:
        if not team.leads:
            begin_pretraining(*plan, team, Silence(), by_epochs=not asked.steps).run()
            return 0
        with run_voice("pretrain", run) as voice:
            training = begin_pretraining(*plan, team, voice, by_epochs=not asked.steps)
            accepted()
            outcome = training.run()
            if not outcome.finished:
                raise Cancelled(
                    f"Stopped at step {outcome.step}.", "The same command goes on from there."
                )
            place = run / f"{settings.name}.safetensors"
            facts: dict[str, Any] = dataclasses.asdict(outcome)
            voice.result({**facts, "output": str(place)})
    print(f"{outcome.step} steps in {outcome.seconds:.0f} s, loss {outcome.loss:.4f} -> {place}")
    return 0


def _picked(asked: Namespace, kind: type, without: set[str]) -> dict[str, Any]:
    """The arguments that are attributes of a settings class."""
    names = {field.name for field in dataclasses.fields(kind)} - without
    return {name: asked[name] for name in names}


def _write_settings(run: Path, parser: ArgumentParser, asked: Namespace) -> None:
    """Every setting as YAML, which --config takes."""
    with atomic_path(run / SETTINGS_FILE) as temporary:
        temporary.write_text(parser.dump(asked), encoding="utf-8")
