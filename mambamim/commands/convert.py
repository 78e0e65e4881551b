"""`mambamim convert`: the authors' weights become a checkpoint of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser

from mambamim.commands.parser import command_parser
from mambamim.errors import BadInputError

if TYPE_CHECKING:
    from mambamim.conversion import Conversion


def make_parser() -> ArgumentParser:
    """The arguments."""
    parser = command_parser(
        "convert",
        "Turn the MambaMIM authors' .pth weights (encoder only, or the whole network) "
        "into a checkpoint. Nothing in the file is run.",
    )
    add = parser.add_argument
    add("input", type=Path, metavar="IN.pth", help="the authors' file")
    add("-o", "--output", type=Path, required=True, metavar="OUT.safetensors", help="to write")
    add(
        "--labels",
        type=Path,
        metavar="JSON",
        help='class names of a whole network, {"1": "spleen", ...}; default class_1, class_2, ...',
    )
    add("--licence", type=str, default="unspecified", help="licence of the weights")
    add("--name", type=str, help="name in the header (default: the output's name)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    asked = make_parser().parse_args(list(arguments))
    from mambamim.checkpoints import import_state_dict, save_checkpoint
    from mambamim.conversion import convert_weights

    done = convert_weights(import_state_dict(asked.input), asked.input.name)
    labels = _labels(asked.labels, done)
    save_checkpoint(
        asked.output,
        done.model,
        labels,
        name=asked.name or asked.output.stem,
        kind="segmentation" if done.whole else "pretraining",
        title="Converted weights of the MambaMIM authors",
        licence=asked.licence,
        training=_facts(done),
    )
    _tell("used", done.used)
    _tell("left out, no place in our network", done.left_out)
    _tell("at their initial value, not in the file", done.initial)
    what = "a whole network" if done.whole else "an encoder to fine-tune, its decoder is untrained"
    print(f"{asked.output}: {what}")
    return 0


def _labels(path: Path | None, done: Conversion) -> dict[int, str]:
    classes = int(done.model.architecture["num_classes"])  # type: ignore[index]
    if not done.whole:
        if path is not None:
            raise BadInputError("--labels is for whole networks; this file holds an encoder only.")
        return {}
    if path is None:
        return {value: f"class_{value}" for value in range(1, classes)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {int(value): str(name) for value, name in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise BadInputError(
            f"{path.name} cannot be used as labels ({type(error).__name__}).",
            'It must be JSON such as {"1": "spleen", "2": "liver"}.',
        ) from error


def _facts(done: Conversion) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "parents": ["weights of the MambaMIM authors"],
        "tensors_used": len(done.used),
        "tensors_left_out": list(done.left_out),
    }
    if not done.whole:
        facts["untrained"] = list(done.initial)
    return facts


def _tell(what: str, keys: Sequence[str]) -> None:
    print(f"{len(keys)} tensors {what}")
    for key in keys:
        print(f"  {key}")
