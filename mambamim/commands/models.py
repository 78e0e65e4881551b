"""`mambamim models`: what is at hand, and what each model is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser

from mambamim.catalogue import (
    ModelEntry,
    download_model,
    find_model,
    list_models,
    model_folders,
    user_models_folder,
)
from mambamim.catalogue.model_card import model_card
from mambamim.checkpoint_header import read_header
from mambamim.commands.parser import command_parser
from mambamim.errors import BadInputError

_COLUMNS = ("name", "modality", "classes", "size", "measured", "licence", "trained on")


def make_parser() -> ArgumentParser:
    """The arguments."""
    parser = command_parser(
        "models",
        "List the models at hand, or show what one is, learnt from, and scores.",
    )
    parser.add_argument("name", nargs="?", type=str, help="a model's name or a checkpoint's path")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--download", action="store_true", help="fetch NAME if it is not here yet")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    asked = make_parser().parse_args(list(arguments))
    if asked.download:
        if not asked.name:
            raise BadInputError("--download needs the name of a model.")
        print(download_model(asked.name))
    elif asked.name:
        _show(find_model(asked.name), asked.json)
    elif asked.json:
        print(json.dumps([_as_json(entry) for entry in list_models()], indent=1))
    else:
        _table(list_models())
    return 0


def _show(entry: ModelEntry, as_json: bool) -> None:
    if entry.path is None:
        print(json.dumps(_as_json(entry), indent=1))
        return
    header = read_header(entry.path)
    if as_json:
        facts = {**header.to_json(), "path": str(entry.path.absolute())}
        print(json.dumps({**facts, "measured_seconds": entry.measured_seconds}, indent=1))
        return
    print(model_card(header, entry.path.absolute(), entry.measured_seconds))


def _as_json(entry: ModelEntry) -> dict[str, Any]:
    facts = dataclasses.asdict(entry)
    for key in ("path", "thumbnail"):
        facts[key] = str(facts[key]) if facts[key] is not None else None
    facts["labels"] = {str(value): name for value, name in entry.labels.items()}
    return facts


def _table(entries: Sequence[ModelEntry]) -> None:
    rows = [_COLUMNS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
    for entry in entries:
        if entry.problem:
            print(f"! {entry.problem}")
    print("Looked in: " + (", ".join(map(str, model_folders())) or "no folder, none is there yet"))
    print(f"Yours go to: {user_models_folder()}")


def _row(entry: ModelEntry) -> tuple[str, ...]:
    if entry.problem:
        return (entry.name, "", "", _megabytes(entry), "", "", "damaged, see below")
    if entry.path is None:
        how = "(to download)" if entry.url else "(not installed)"
        return (entry.name, entry.modality, "", "", "", entry.licence, how)
    times = ", ".join(f"{s:.0f} s ({m})" for m, s in entry.measured_seconds.items())
    classes = str(len(entry.labels)) if entry.kind == "segmentation" else "encoder"
    size = _megabytes(entry)
    data = training_data(entry.training)
    return (entry.name, entry.modality, classes, size, times or "-", entry.licence, data)


def training_data(training: dict[str, Any]) -> str:
    """Names of the training data with their licences, as short as the facts allow."""
    data = training.get("data", "-")
    if not isinstance(data, list):
        return str(data)
    names = []
    for item in data:
        if isinstance(item, dict):
            licence = f" ({item['licence']})" if item.get("licence") else ""
            names.append(f"{item.get('name', '?')}{licence}")
        else:
            names.append(str(item))
    return ", ".join(names) or "-"


def _megabytes(entry: ModelEntry) -> str:
    return f"{entry.size_bytes / 1e6:.1f} MB"
