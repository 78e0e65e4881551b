"""The network to fine-tune, with what an earlier training has learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.checkpoints import Checkpoint, load_checkpoint
from mambamim.errors import BadInputError
from mambamim.models import build_model
from mambamim.models.channels import widen_input
from mambamim.pretraining.transfer import start_from


def network_to_tune(
    network: str,
    start: str,
    classes: tuple[str, ...],
    size: Sequence[int],
    channels: int = 1,
    overlapping: bool = False,
) -> nn.Module:
    """Build a network for some classes.

    From a pre-training it takes encoder and Mamba stage; from a segmentation everything, of the
    head the rows of classes that bear the same name, while those of others are fresh. So are all
    of the head where one of the two finds regions that overlap and the other does not. What has
    learnt from one channel is widened for several: see `widen_input`.

    Args:
        network: of `build_model`, where nothing is started from.
        start: path of a checkpoint, or "".
        classes: names, values 1, 2, ..., or of regions.
        size: of crops, voxels; one network is built for it.
        channels: of the image.
        overlapping: whether `classes` are regions, which have no background among the outputs.

    Raises:
        BadInputError, CheckpointError: `start` cannot be read, is of no such kind, or takes several
            channels and not this many.
    """
    count = len(classes) + (not overlapping)
    if not start:
        fixed: dict[str, Any] = {} if channels == 1 else {"in_channels": channels}
        if network == "unetr":
            if len(set(size)) > 1:
                raise BadInputError("unetr takes crops with equal sides.", "Try 96 96 96.")
            fixed["image_size"] = size[0]
        return build_model(network, num_classes=count, **fixed)
    source = load_checkpoint(Path(start))
    taken = source.header.in_channels
    if taken not in (1, channels):
        raise BadInputError(
            f"{source.path.name} takes {taken} channels, the cases have {channels}.",
            "Start from a network of as many channels, or of one.",
        )
    built = build_model(**{**source.header.architecture, "num_classes": count})
    if source.header.kind == "pretraining":
        start_from(built, source)
    else:
        _take_over(built, source, classes, overlapping)
    return built if taken == channels else widen_input(built, channels)


def _take_over(
    network: nn.Module, source: Checkpoint, classes: tuple[str, ...], overlapping: bool
) -> None:
    """All tensors; where the number of classes makes another shape, the rows of known classes."""
    theirs, own = source.model.state_dict(), network.state_dict()
    known = _outputs(source.header)
    wanted = list(classes) if overlapping else [None, *classes]
    alike = overlapping == bool(source.header.regions)
    rows = [(i, known.index(name)) for i, name in enumerate(wanted) if alike and name in known]
    head = {} if alike and wanted == known else _head(network)
    merged: dict[str, Tensor] = {}
    for name, tensor in own.items():
        given = theirs[name]
        if name not in head:
            merged[name] = given
            continue
        merged[name] = tensor.clone()
        axis = head[name]
        for mine, other in rows:
            merged[name].select(axis, mine).copy_(given.select(axis, other))
    network.load_state_dict(merged)


def _outputs(header: CheckpointHeader) -> list[str | None]:
    """What each channel of a network's output is; None for background and what has no name."""
    if header.regions:
        return [region.name for region in header.regions]
    return [header.labels.get(value) for value in range(header.num_classes)]


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
