"""What a person should know of a model before using it, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mambamim.checkpoint_header import CheckpointHeader

_WIDTH = 96


def model_card(header: CheckpointHeader, path: Path, seconds: dict[str, float]) -> str:
    """The model card of a checkpoint.

    Args:
        header: of the checkpoint.
        path: its file.
        seconds: measured on this computer, by what it ran on.
    """
    return "\n".join(_lines(header, path, seconds))


def _lines(header: CheckpointHeader, path: Path, seconds: dict[str, float]) -> Iterator[str]:
    training = header.training
    yield f"{header.name}: {header.title}" if header.title else header.name
    yield "Not for clinical use."
    if header.description:
        yield from ("", *textwrap.wrap(header.description, _WIDTH))
    yield ""
    spacing = " x ".join(f"{side:g}" for side in header.spacing_mm)
    patch = " x ".join(map(str, header.patch_size))
    network = header.architecture.get("name", "?")
    yield f"Network     {network}, windows of {patch} voxels at {spacing} mm"
    yield f"Scans       {header.modality}" + _intensities(header)
    if header.channels:
        yield f"Channels    {', '.join(header.channels)}"
    if header.labels:
        titles = [header.terms.get(n, {}).get("title", n) for n in header.labels.values()]
        yield from _hanging("Finds", ", ".join(titles))
    if header.pretraining:
        fill, ratio = header.pretraining["fill"], 100 * float(header.pretraining["mask_ratio"])
        yield f"Pre-trained {fill} tokens, {ratio:.0f} % of the patches masked"
    yield f"Licence     {header.licence}"
    for row in _data(training.get("data", [])):
        yield from _hanging("Learnt from", row)
    facts = [
        f"{training[k]} {w}" for k, w in (("steps", "steps"), ("cases", "cases")) if k in training
    ]
    if facts:
        yield f"Training    {', '.join(facts)}"
    yield from _scores(training)
    for device, time in seconds.items():
        yield f"Here        {time:.0f} s a scan ({device})"
    yield f"File        {path}"
    yield f"SHA-256     {header.sha256} (weights)"


def _intensities(header: CheckpointHeader) -> str:
    low, high = header.window_hu
    return f", {low:g} to {high:g} HU" if header.modality == "CT" else ""


def _hanging(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{name:<12}", subsequent_indent=" " * 12)


def _data(data: Any) -> Iterator[str]:
    """A row a source: its name, licence and use."""
    for item in data if isinstance(data, list) else [data]:
        if isinstance(item, dict):
            parts = [str(item.get("name", "?"))]
            if item.get("licence"):
                parts[0] += f" ({item['licence']})"
            if item.get("use"):
                parts.append(str(item["use"]))
            yield ": ".join(parts)
        else:
            yield str(item)


def _scores(training: dict[str, Any]) -> Iterator[str]:
    """Measured values, and on what."""
    scores = training.get("scores", {})
    if not scores:
        return
    if training.get("scored_on"):
        yield from _hanging("Scored on", str(training["scored_on"]))
    elif "validation_cases" in training:
        yield f"Scored on   {training['validation_cases']} cases that chose the best weights"
    rows = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    yield from _hanging("Scores", rows)
