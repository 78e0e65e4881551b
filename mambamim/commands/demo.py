"""`mambamim demo`: paint a CT nobody has seen, segment it, and show how well that went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jsonargparse import ArgumentParser

from mambamim.commands.parser import command_parser
from mambamim.inference.segment_task import DEFAULT_MODEL, SegmentTask
from mambamim.metrics import dice_per_label

DEFAULT_SEED = 1
_HONESTLY = (
    "The anatomy is one that abdomen-small learnt from, bent and painted anew: in a patient's scan"
    " it finds less."
)


def make_parser() -> ArgumentParser:
    """The arguments."""
    parser = command_parser(
        "demo",
        "Paint a synthetic abdominal CT over a real anatomy, segment it, and write the CT, its "
        "true labels, the label map found, a table of organ volumes and a picture. Prints how well "
        f"each organ was found (Dice). {_HONESTLY}",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), metavar="DIR", help="where the files go")
    add("--seed", type=int, default=DEFAULT_SEED, help="another number, another patient")
    add("--model", type=str, default=DEFAULT_MODEL, help="name (`mambamim models`) or checkpoint")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")
    add(
        "--runtime",
        type=Literal["auto", "torch", "openvino", "openvino-bf16"],
        default="auto",
        help="what runs the network",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    asked = make_parser().parse_args(list(arguments))
    from mambamim.commands.segment import Source, segment_one
    from mambamim.data.phantom import write_phantom
    from mambamim.data.volume import read_volume
    from mambamim.inference.task import check_writable

    task = SegmentTask(
        input=asked.out / "ct.nii.gz",
        output=asked.out / "organs.nii.gz",
        model=asked.model,
        device=asked.device,
        runtime=asked.runtime,
        statistics=asked.out / "organs.csv",
        picture=asked.out / "organs.png",
        overwrite=True,
    )
    for place in (task.input, *task.places()):
        check_writable(place)
    _, truth = write_phantom(asked.out, asked.seed)
    source = Source(task.model, task.device, task.runtime)
    segment_one(task, source, "synthetic CT")
    dice = dice_per_label(read_volume(task.output).array, read_volume(truth).array)
    _tell(dice, source().labels)
    print(_HONESTLY)
    print(f"CT          {task.input}")
    print(f"true labels {truth}")
    print(f"label map   {task.output}")
    print(f"statistics  {task.statistics}")
    print(f"picture     {task.picture}")
    return 0


def _tell(dice: dict[int, float], names: dict[int, str]) -> None:
    width = max(map(len, names.values()))
    for value, score in dice.items():
        print(f"  {names.get(value, str(value)):<{width}}  {score:.3f}")
    print(f"mean Dice over {len(dice)} organs: {np.mean(list(dice.values())):.3f}")
