"""The network to fine-tune, with what an earlier training has learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mambamim.checkpoints import Checkpoint, load_checkpoint
from mambamim.errors import BadInputError
from mambamim.models import build_model
from mambamim.pretraining.transfer import start_from


def network_to_tune(
    network: str, start: str, classes: tuple[str, ...], size: Sequence[int]
) -> nn.Module:
    """Build a network for some classes.

    From a pre-training it takes encoder and Mamba stage; from a segmentation everything, of the
    head the rows of classes that bear the same name, while those of others are fresh.

    Args:
        network: of `build_model`, where nothing is started from.
        start: path of a checkpoint, or "".
        classes: names, values 1, 2, ...
        size: of crops, voxels; one network is built for it.

    Raises:
        BadInputError, CheckpointError: `start` cannot be read or is of no such kind.
    """
    count = len(classes) + 1
    if not start:
        fixed: dict[str, Any] = {}
        if network == "unetr":
            if len(set(size)) > 1:
                raise BadInputError("unetr takes crops with equal sides.", "Try 96 96 96.")
            fixed["image_size"] = size[0]
        return build_model(network, num_classes=count, **fixed)
    source = load_checkpoint(Path(start))
    built = build_model(**{**source.header.architecture, "num_classes": count})
    if source.header.kind == "pretraining":
        start_from(built, source)
    else:
        _take_over(built, source, classes)
    return built


def _take_over(network: nn.Module, source: Checkpoint, classes: tuple[str, ...]) -> None:
    """All tensors; where the number of classes makes another shape, the rows of known classes."""
    values = {name: value for value, name in source.labels.items()}
    rows = [(1 + i, values[name]) for i, name in enumerate(classes) if name in values]
    own, theirs = network.state_dict(), source.model.state_dict()
    same_classes = {1 + i: name for i, name in enumerate(classes)} == source.labels
    head = _head(network)
    merged: dict[str, Tensor] = {}
    for name, tensor in own.items():
        given = theirs[name]
        if name not in head or same_classes:
            merged[name] = given
            continue
        merged[name] = tensor.clone()
        axis = head[name]
        for mine, other in [(0, 0), *rows]:
            merged[name].select(axis, mine).copy_(given.select(axis, other))
    network.load_state_dict(merged)


def _head(network: nn.Module) -> dict[str, int]:
    """The tensors whose shape the number of classes sets -> the axis of classes."""
    architecture: Any = network.architecture
    more = {**architecture, "num_classes": architecture["num_classes"] + 1}
    with torch.device("meta"):
        other = build_model(**more).state_dict()
    shapes = {k: (v.shape, other[k].shape) for k, v in network.state_dict().items()}
    return {
        k: next(i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)
        for k, (one, two) in shapes.items()
        if one != two
    }
