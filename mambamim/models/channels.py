"""From one input channel to several: a network pre-trained on CT for the four channels of an MR."""

from __future__ import annotations

import copy
from typing import TypeVar, overload

import torch
from torch import Tensor, nn

from mambamim.errors import BadInputError

# The convolutions that see the volume, in the networks of `model_names()`.
_ON_THE_VOLUME = (
    "encoder.stem.weight",
    "encoder.proj.weight",  # vanilla_mamba: patch embedding, and its decoder's block on the volume
    "decoder.skips.0.layer.conv1.conv.weight",
    "decoder.skips.0.layer.conv3.conv.weight",
)
Module = TypeVar("Module", bound=nn.Module)


@overload
def widen_input(source: Module, channels: int) -> Module: ...


@overload
def widen_input(source: dict[str, Tensor], channels: int) -> dict[str, Tensor]: ...


def widen_input(
    source: nn.Module | dict[str, Tensor], channels: int
) -> nn.Module | dict[str, Tensor]:
    """Let a network of one input channel take several.

    The weights of each convolution on the volume are copied to every channel and divided by their
    number; biases and all else stay. So k equal channels give what the one channel gave.

    Args:
        source: a network of `build_model` with one input channel, or the state dict of one that
            can be pre-trained. It is not changed.
        channels: how many the result takes, at least 1.

    Returns:
        The same kind of thing: a new network, whose `.architecture` says so, or a state dict.

    Raises:
        BadInputError: fewer than 1 channel, a source of several channels, or one whose input
            convolutions are not known.
    """
    if channels < 1:
        raise BadInputError(f"A network takes at least 1 channel, not {channels}.")
    if isinstance(source, nn.Module):
        return _widened_network(source, channels)
    widened = dict(source)
    for name in _ON_THE_VOLUME:
        if name in source:
            widened[name] = _spread(source[name], channels, name)
    if not any(name in source for name in _ON_THE_VOLUME):
        raise BadInputError(
            "These weights have no convolution that is known to see the volume.",
            "Give the network itself, or the weights of one that can be pre-trained.",
        )
    return widened


def _widened_network(network: nn.Module, channels: int) -> nn.Module:
    """A network built anew for `channels`; which tensors differ in shape tells what to spread."""
    from mambamim.models.build import build_model

    architecture = getattr(network, "architecture", None)
    if not isinstance(architecture, dict) or hasattr(network, "options"):
        raise BadInputError(
            f"A {type(network).__name__} does not say how to build it for more channels.",
            "Give a network of build_model, one that has been started from the pre-training.",
        )
    if architecture["in_channels"] != 1:
        raise _several(architecture["name"], architecture["in_channels"])
    with torch.random.fork_rng(devices=[]):
        wide = build_model(**{**copy.deepcopy(architecture), "in_channels": channels})
    due = wide.state_dict()
    if due.keys() != network.state_dict().keys():  # a residual block that needs no 1x1x1 any more
        raise BadInputError(
            f"{architecture['name']} is another network with {channels} channels.",
            "Take a number of channels that is not the width of its first block.",
        )
    weights = {
        name: tensor if tensor.shape == due[name].shape else _spread(tensor, channels, name)
        for name, tensor in network.state_dict().items()
    }
    wide.load_state_dict(weights)
    return wide.to(next(network.parameters())).train(network.training)


def _spread(weight: Tensor, channels: int, name: str) -> Tensor:
    """(C_out, 1, d, h, w) -> (C_out, channels, d, h, w), a share each."""
    if weight.shape[1] != 1:
        raise _several(name, weight.shape[1])
    return weight.detach().repeat(1, channels, 1, 1, 1) / channels


def _several(name: str, channels: int) -> BadInputError:
    return BadInputError(
        f"{name} takes {channels} channels, and only 1 can be widened.",
        "Start from what was pre-trained with one channel.",
    )
