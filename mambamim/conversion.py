"""The authors' weights become a network of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mambamim.errors import CheckpointError
from mambamim.models import build_model, convert_reference_state_dict

_ARCHITECTURE = "hymamba"  # the only one whose tensors are the authors'
_CLASSES = 14  # of a fresh decoder, where the file has none


@dataclass(frozen=True)
class Conversion:
    """What became of the tensors of a file.

    Attributes:
        model: the network with what fitted.
        used: keys of the file that are now in `model`.
        left_out: keys of the file with no place in `model`.
        initial: keys of `model` that the file had nothing for.
    """

    model: nn.Module
    used: tuple[str, ...]
    left_out: tuple[str, ...]
    initial: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """True if nothing of the network stayed at its initial value."""
        return not self.initial


def convert_weights(state: dict[str, Tensor], where: str) -> Conversion:
    """Put the authors' tensors into our network.

    Args:
        state: their names -> tensors; an encoder or a whole network.
        where: the file's name, for messages.

    Raises:
        CheckpointError: nothing fits, or a tensor has another shape than the network's.
    """
    converted = convert_reference_state_dict(state)
    key_of = {id(tensor): key for key, tensor in state.items()}  # it renames and does not copy
    model = build_model(_ARCHITECTURE, **_sizes(converted))
    own = model.state_dict()
    fitting = {name: value for name, value in converted.items() if name in own}
    if not fitting:
        raise CheckpointError(
            f"Nothing in {where} fits the network of the MambaMIM authors.",
            "Give their pre-trained encoder or segmentation network.",
        )
    for name, value in fitting.items():
        if value.shape != own[name].shape:
            raise CheckpointError(
                f"{where} does not fit: its {key_of[id(value)]} is {tuple(value.shape)} "
                f"where {tuple(own[name].shape)} is due."
            )
    model.load_state_dict(fitting, strict=False)
    used = tuple(sorted(key_of[id(value)] for value in fitting.values()))
    return Conversion(
        model.eval(),
        used,
        tuple(sorted(set(state) - set(used))),
        tuple(name for name in own if name not in fitting),
    )


def _sizes(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Channels in and classes out, read from the tensors whose shape depends on them."""
    sizes: dict[str, Any] = {"in_channels": 1, "num_classes": _CLASSES}
    with torch.device("meta"):
        plain = build_model(_ARCHITECTURE, **sizes).state_dict()
        for size in list(sizes):
            more = build_model(_ARCHITECTURE, **{**sizes, size: sizes[size] + 1}).state_dict()
            for name in plain.keys() & tensors.keys():
                pairs = zip(plain[name].shape, more[name].shape, strict=True)
                axes = [axis for axis, (a, b) in enumerate(pairs) if a != b]
                if axes and tensors[name].dim() == plain[name].dim():
                    sizes[size] = tensors[name].shape[axes[0]]
                    break
    return sizes
