"""From a pre-training to a network to fine-tune: encoder, Mamba stage and norm go over."""

from __future__ import annotations

from torch import nn

from mambamim.checkpoints import Checkpoint
from mambamim.errors import BadInputError, CheckpointError
from mambamim.pretraining.mambamim import MambaMIM

PARTS = ("encoder", "stage", "norm")


def start_from(network: nn.Module, source: Checkpoint | MambaMIM) -> list[str]:
    """Put what a pre-training learnt into a network; its decoder and head stay as they are.

    Args:
        network: of `build_model`, with the encoder and Mamba stage of the pre-training. Its scan
            order may be another one: the paper pre-trains in raster order and changes it after.
        source: a checkpoint of the kind "pretraining" (an encoder by itself, too), or a MambaMIM.

    Returns:
        Names of the tensors of `network` that are now those of `source`.

    Raises:
        CheckpointError: the networks differ; says where first. Nothing has been changed then.
        BadInputError: `source` is no pre-training.
    """
    where = "The pre-training"
    learnt: nn.Module = source if isinstance(source, MambaMIM) else source.model
    if isinstance(source, Checkpoint):
        where = source.path.name
        if source.header.kind != "pretraining":
            raise BadInputError(
                f"{where} is a model that finds organs, no pre-training.",
                "Give a checkpoint of the kind pretraining.",
            )
    theirs = _parts(learnt.encoder if isinstance(learnt, MambaMIM) else learnt)
    own = _parts(network)
    for name in PARTS:
        fault = _difference(name, theirs.get(name), own.get(name))
        if fault:
            raise CheckpointError(
                f"{where} does not fit this network: {fault}.",
                "Build the network with the architecture of the pre-training.",
            )
    taken = []
    for name, part in own.items():
        part.load_state_dict(theirs[name].state_dict())
        taken += [f"{name}.{key}" for key in part.state_dict()]
    return taken


def _parts(network: nn.Module) -> dict[str, nn.Module]:
    """Encoder, stage and norm, those that there are; an identity is no norm."""
    found = {name: getattr(network, name, None) for name in PARTS}
    return {
        name: part
        for name, part in found.items()
        if isinstance(part, nn.Module) and not isinstance(part, nn.Identity)
    }


def _difference(name: str, theirs: nn.Module | None, own: nn.Module | None) -> str:
    """What differs between two parts of the same name, "" if one can take the other's weights."""
    if theirs is None or own is None:
        if theirs is own:
            return ""
        return f"it has {'no' if theirs is None else 'a'} {name}, the network the opposite"
    if type(theirs) is not type(own):
        return f"its {name} is a {type(theirs).__name__}, the network's a {type(own).__name__}"
    given, due = theirs.state_dict(), own.state_dict()
    for key in sorted(given.keys() | due.keys()):
        shapes = [tuple(part[key].shape) if key in part else "absent" for part in (given, due)]
        if shapes[0] != shapes[1]:
            return f"its {name}.{key} is {shapes[0]} where {shapes[1]} is due"
    return ""
