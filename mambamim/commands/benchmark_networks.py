"""`mambamim benchmark-networks`: several networks learn the same cases in the same way."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

from mambamim.commands import finetune
from mambamim.commands.finetune_plan import plan_of
from mambamim.commands.training_arguments import write_settings
from mambamim.errors import BadInputError
from mambamim.files import atomic_path
from mambamim.finetuning.finetune_settings import NETWORKS
from mambamim.training.patience import WATCHED

# The paper's Table 2, as far as the networks are in MONAI or here.
TABLE_2 = ("unetr", "swin_unetr", "mednext", "unet", "segresnet", "vanilla_mamba", "hymamba")


def make_parser(preset: str = "paper") -> ArgumentParser:
    """The arguments of `finetune`, and the networks."""
    parser = finetune.make_parser(preset, "benchmark-networks")
    parser.add_argument(
        "--networks",
        nargs="+",
        type=Literal[NETWORKS],
        default=list(TABLE_2),
        help="each is trained from scratch in RUN/NETWORK; --network and --start-from are not used",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = make_parser(finetune.preset_of(arguments))
    asked = parser.parse_args(list(arguments))
    if asked.start_from or asked.folds:
        raise BadInputError(
            "Networks are compared from scratch, on one split.",
            "Leave --start-from and --folds out.",
        )
    run = Path(asked.out)
    plan = plan_of(asked, run)
    for network in asked.networks:
        settings = dataclasses.replace(plan.settings, network=network, name=network)
        mine = dataclasses.replace(plan, settings=settings)
        finetune.tune(mine, run / network, lambda: write_settings(run, parser, asked))
    if os.environ.get("RANK", "0") == "0":
        print(_write(run, asked.networks))
    return 0


def _write(run: Path, networks: Sequence[str]) -> str:
    """RUN/networks.json, and the same as a table."""
    rows = [_row(run / network, network) for network in networks]
    with atomic_path(run / "networks.json") as temporary:
        temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    lines = [f"{'network':14}  {'parameters':>10}  {'steps':>6}  {'seconds':>8}  {'Dice':>7}"]
    for row in sorted(rows, key=lambda row: -row["dice"]):
        lines.append(
            f"{row['network']:14}  {row['parameters'] / 1e6:8.1f} M  {row['steps']:6}  "
            f"{row['seconds']:8.0f}  {row['dice']:7.4f}"
        )
    lines.append("Dice of the last weights, mean over classes and the cases kept apart.")
    return "\n".join(lines)


def _row(run: Path, network: str) -> dict[str, Any]:
    """What came of one network; the last weights, as the best are chosen on the same cases."""
    from mambamim.checkpoints import load_checkpoint

    last = load_checkpoint(run / f"{network}-last.safetensors")
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        *_, row = csv.DictReader(stream)
    scores = last.header.training["scores"]
    if WATCHED not in scores:
        raise BadInputError(
            f"{network} was not validated.", "Keep cases apart, and validate after the last step."
        )
    return {
        "network": network,
        "parameters": sum(p.numel() for p in last.model.parameters()),
        "steps": int(row["step"]),
        "seconds": float(row["seconds"]),
        "dice": scores[WATCHED],
        "dice_by_class": {k: v for k, v in scores.items() if k != WATCHED},
    }
