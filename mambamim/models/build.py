"""Builds networks by name. The only place with their numbers: a new size is one more row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from mambamim.errors import BadInputError
from mambamim.models.decoders import SmallDecoder
from mambamim.models.hymamba import HyMamba
from mambamim.models.hymamba_small import SmallEncoder
from mambamim.models.mamba import MambaStage

# channels: widths at strides 1, 2, 4, 8, 16. depths, expansions: MedNeXt blocks at strides 2 to 16.
_SMALL: dict[str, Any] = {
    "channels": [16, 32, 96, 160, 240],
    "depths": [2, 2, 2, 1],
    "expansions": [2, 4, 4, 4],
    "layers": 3,
}


def _build_small(architecture: dict[str, Any]) -> HyMamba:
    channels = architecture["channels"]
    return HyMamba(
        SmallEncoder(
            architecture["in_channels"],
            channels,
            architecture["depths"],
            architecture["expansions"],
        ),
        MambaStage(
            channels[-1], architecture["layers"], bidirectional=True, scan=architecture["scan"]
        ),
        SmallDecoder(channels, architecture["num_classes"]),
        architecture,
    )


_NETWORKS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], nn.Module]]] = {
    "hymamba_small": (_SMALL, _build_small),
}


def model_names() -> list[str]:
    """The names `build_model` knows."""
    return list(_NETWORKS)


def build_model(
    name: str, in_channels: int = 1, num_classes: int = 14, scan: str = "raster", **numbers: Any
) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        name: one of `model_names()`.
        in_channels: channels of the volume, 1 for CT.
        num_classes: channels of the logits, background included.
        scan: order in which tokens enter the Mamba stage: "raster", "zigzag", "hilbert", "shuffle".
        numbers: any of the network's numbers (widths, depths, ...) to set otherwise.

    Returns:
        A module: (B, in_channels, D, H, W) -> logits (B, num_classes, D, H, W), sides multiples of
        16. Its `.architecture` is JSON-able, and `build_model(**architecture)` builds its like.

    Raises:
        BadInputError: no such name, number or scan order, or a count below 1.
    """
    if name not in _NETWORKS:
        raise BadInputError(f"There is no network {name!r}.", f"Choose of {', '.join(_NETWORKS)}.")
    preset, build = _NETWORKS[name]
    if unknown := set(numbers) - set(preset):
        raise BadInputError(
            f"{name} has no number {sorted(unknown)[0]!r}.", f"It has {', '.join(preset)}."
        )
    if in_channels < 1 or num_classes < 1:
        raise BadInputError(
            f"{name} needs at least 1 channel and 1 class, not {in_channels} and {num_classes}."
        )
    head = {"name": name, "in_channels": in_channels, "num_classes": num_classes, "scan": scan}
    chosen = {**preset, **numbers}
    lists = {key: list(v) if isinstance(v, list | tuple) else v for key, v in chosen.items()}
    return build({**head, **lists})
