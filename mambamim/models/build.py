"""Builds networks by name. The only place with their numbers: a new size is one more row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from mambamim.errors import BadInputError
from mambamim.models.decoders import MedNeXtDecoder, SmallDecoder, UnetrDecoder
from mambamim.models.hymamba import HyMamba, HyMambaEncoder
from mambamim.models.hymamba_small import SmallEncoder
from mambamim.models.mamba import MambaStage
from mambamim.models.rivals import (
    build_mednext,
    build_segresnet,
    build_swin_unetr,
    build_unet,
    build_unetr,
)
from mambamim.models.vanilla_mamba import PatchEmbedding, VanillaDecoder, VanillaMamba

Architecture = dict[str, Any]

# channels: widths at strides 1, 2, 4, 8 (and 16). depths, expansions: of MedNeXt blocks at strides
# 2 to 16. layers: of the Mamba stage.
_HYMAMBA: Architecture = {
    "stem": 32,
    "channels": [64, 128, 192, 384],
    "depths": [2, 2, 2, 1],
    "expansions": [2, 4, 4, 4],
    "layers": 4,
}
_PAPER: Architecture = {
    **_HYMAMBA,
    "decoder_depths": [1, 2, 2, 2],  # at strides 1, 2, 4, 8
    "decoder_expansions": [2, 2, 4, 4],
}
_CONVOLUTIONS: Architecture = {key: value for key, value in _HYMAMBA.items() if key != "layers"}
_SMALL: Architecture = {
    "channels": [16, 32, 96, 160, 240],
    "depths": [2, 2, 2, 1],
    "expansions": [2, 4, 4, 4],
    "layers": 3,
}
_VANILLA: Architecture = {
    "width": 768,
    "layers": 12,
    "taps": [3, 6, 9],
    "channels": [16, 32, 64, 128],
}

# The rivals, as large as their papers have them for windows of 96^3.
_UNETR: Architecture = {"image_size": 96, "features": 16, "width": 768, "mlp": 3072, "heads": 12}
_SWIN_UNETR: Architecture = {"width": 48, "depths": [2, 2, 2, 2], "heads": [3, 6, 12, 24]}
_UNET: Architecture = {"channels": [32, 64, 128, 256, 320]}  # nnU-Net stops halving 96 at 6
_SEGRESNET: Architecture = {"width": 32, "depths": [1, 2, 2, 4], "decoder_depths": [1, 1, 1]}
_MEDNEXT: Architecture = {  # MedNeXt-B
    "width": 32,
    "depths": [2, 2, 2, 2, 2, 2, 2, 2, 2],
    "expansions": [2, 3, 4, 4, 4, 4, 4, 3, 2],
    "kernel": 3,
}


def _hymamba_encoder(a: Architecture) -> HyMambaEncoder:
    widths = [a["stem"], *a["channels"]]
    return HyMambaEncoder(a["in_channels"], widths, a["depths"], a["expansions"])


def _hymamba(a: Architecture) -> HyMamba:
    encoder = _hymamba_encoder(a)
    stage = MambaStage(a["channels"][-1], a["layers"], bidirectional=False, scan=a["scan"])
    decoder = UnetrDecoder(encoder.channels, last=a["stem"], num_classes=a["num_classes"])
    return HyMamba(encoder, stage, decoder, a)


def _hymamba_cnn(a: Architecture) -> HyMamba:
    encoder = _hymamba_encoder(a)
    decoder = UnetrDecoder(encoder.channels, last=a["stem"], num_classes=a["num_classes"])
    return HyMamba(encoder, None, decoder, a)


def _hymamba_paper(a: Architecture) -> HyMamba:
    encoder = _hymamba_encoder(a)
    stage = MambaStage(a["channels"][-1], a["layers"], bidirectional=True, scan=a["scan"])
    decoder = MedNeXtDecoder(
        encoder.channels, a["decoder_depths"], a["decoder_expansions"], a["num_classes"]
    )
    return HyMamba(encoder, stage, decoder, a)


def _hymamba_small(a: Architecture) -> HyMamba:
    encoder = SmallEncoder(a["in_channels"], a["channels"], a["depths"], a["expansions"])
    stage = MambaStage(a["channels"][-1], a["layers"], bidirectional=True, scan=a["scan"])
    return HyMamba(encoder, stage, SmallDecoder(a["channels"], a["num_classes"]), a)


def _vanilla_mamba(a: Architecture) -> VanillaMamba:
    encoder = PatchEmbedding(a["in_channels"], a["width"])
    stage = MambaStage(a["width"], a["layers"], bidirectional=True, scan=a["scan"])
    decoder = VanillaDecoder(a["in_channels"], a["width"], a["channels"], a["num_classes"])
    return VanillaMamba(encoder, stage, a["taps"], decoder, a)


_NETWORKS: dict[str, tuple[Architecture, Callable[[Architecture], nn.Module]]] = {
    "hymamba": (_HYMAMBA, _hymamba),
    "hymamba_cnn": (_CONVOLUTIONS, _hymamba_cnn),
    "hymamba_paper": (_PAPER, _hymamba_paper),
    "hymamba_small": (_SMALL, _hymamba_small),
    "vanilla_mamba": (_VANILLA, _vanilla_mamba),
}
_RIVALS: dict[str, tuple[Architecture, Callable[[Architecture], nn.Module]]] = {
    "unetr": (_UNETR, build_unetr),
    "swin_unetr": (_SWIN_UNETR, build_swin_unetr),
    "unet": (_UNET, build_unet),
    "segresnet": (_SEGRESNET, build_segresnet),
    "mednext": (_MEDNEXT, build_mednext),
}


def model_names() -> list[str]:
    """The networks with an encoder that can be pre-trained; `build_model` knows them."""
    return list(_NETWORKS)


def rival_names() -> list[str]:
    """The networks to compare with, which `build_model` knows as well."""
    return list(_RIVALS)


def build_model(
    name: str, in_channels: int = 1, num_classes: int = 14, scan: str = "raster", **numbers: Any
) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        name: one of `model_names()` or `rival_names()`.
        in_channels: channels of the volume, 1 for CT.
        num_classes: channels of the logits, background included.
        scan: order in which tokens enter the Mamba stage: "raster", "zigzag", "hilbert", "shuffle".
            A network without one does not heed it.
        numbers: any of the network's numbers (widths, depths, ...) to set otherwise.

    Returns:
        A module: (B, in_channels, D, H, W) -> logits (B, num_classes, D, H, W), sides multiples of
        16; swin_unetr needs multiples of 32, and unetr sides of `image_size`, 96 unless set.
        Its `.architecture` is JSON-able, and `build_model(**architecture)` builds its like.

    Raises:
        BadInputError: no such name, number or scan order, a count below 1, or a rival's numbers
            that do not fit each other.
        MissingDependencyError: the MONAI that is installed is too old for "mednext".
    """
    known = {**_NETWORKS, **_RIVALS}
    if name not in known:
        raise BadInputError(f"There is no network {name!r}.", f"Choose of {', '.join(known)}.")
    preset, build = known[name]
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
