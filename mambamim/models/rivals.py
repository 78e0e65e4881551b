"""Rivals: the networks the paper compares with, MONAI's, behind the contract of `build_model`.

MONAI 1.4 and newer build the same tensors under the same names, so a checkpoint of one can be read
with another.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.models.hymamba import STRIDE, check_input

Architecture = dict[str, Any]


class Rival(nn.Module):
    """A network of MONAI that says what it takes, and how to build it again.

    Args:
        network: (B, C_in, D, H, W) -> logits of the same size.
        architecture: arguments of `build_model`, JSON-able.
        stride: of its deepest features; norms over space need more than one voxel there.
        image_size: side of the only volume it takes, voxels; None for a network without that tie.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Architecture,
        stride: int,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.architecture = architecture
        self.stride, self.image_size = stride, image_size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> logits (B, num_classes, D, H, W), in training as well.

        Raises:
            BadInputError: another number of channels, or sides that this network cannot take.
        """
        check_input(x, self.architecture["in_channels"])
        self._check_sides(tuple(int(side) for side in x.shape[2:]))
        return self.network(x)

    def _check_sides(self, sides: tuple[int, ...]) -> None:
        name = self.architecture["name"]
        if self.image_size is not None:
            if any(side != self.image_size for side in sides):
                raise BadInputError(
                    f"This {name} takes volumes of {self.image_size} voxels a side, not {sides}.",
                    "Cut windows of that size, or build it with another image_size.",
                )
            return
        if any(side % self.stride for side in sides):
            raise BadInputError(
                f"The sides of what {name} takes must be multiples of {self.stride}, not {sides}.",
                "Pad the volume.",
            )
        if math.prod(sides) == self.stride**3:
            raise BadInputError(
                f"{sides} is too small for {name}: its deepest features would be one voxel.",
                f"Pad one side to {2 * self.stride}.",
            )


def build_unetr(a: Architecture) -> Rival:
    """UNETR: a transformer of 12 layers over patches of 16^3, skips from layers 3, 6 and 9."""
    from monai.networks.nets.unetr import UNETR

    size = a["image_size"]
    if not isinstance(size, int) or size < STRIDE or size % STRIDE:
        raise BadInputError(f"image_size must be a multiple of {STRIDE}, not {size!r}.")
    network = _made(
        UNETR,
        in_channels=a["in_channels"],
        out_channels=a["num_classes"],
        img_size=(size, size, size),  # its position embedding is one vector a patch
        feature_size=a["features"],
        hidden_size=a["width"],
        mlp_dim=a["mlp"],
        num_heads=a["heads"],
        norm_name="instance",
    )
    for block in network.vit.blocks:  # type: ignore[union-attr]
        # Made, and never used: which of them there are differs from one MONAI to another.
        block.cross_attn, block.norm_cross_attn = nn.Identity(), nn.Identity()
    return Rival(network, a, STRIDE, size)


def build_swin_unetr(a: Architecture) -> Rival:
    """Swin UNETR: attention in shifted windows at strides 2 to 16, convolutions up from 32."""
    from monai.networks.nets.swin_unetr import SwinUNETR

    # MONAI 1.4 still asks for a size, and uses it for a check alone.
    old = {"img_size": 96} if "img_size" in inspect.signature(SwinUNETR).parameters else {}
    with torch.device("cpu"):  # it asks for values, which there are none of on "meta"
        network = _made(
            SwinUNETR,
            in_channels=a["in_channels"],
            out_channels=a["num_classes"],
            depths=tuple(a["depths"]),
            num_heads=tuple(a["heads"]),
            feature_size=a["width"],
            **old,
        )
    return Rival(network.to(torch.empty(0).device), a, 32)


def build_unet(a: Architecture) -> Rival:
    """The U-Net that nnU-Net plans: two 3x3x3 convolutions a level, instance norm, leaky ReLU."""
    from monai.networks.nets.dynunet import DynUNet

    widths = list(a["channels"])
    steps = [2] * (len(widths) - 1)
    whole = _made(
        DynUNet,
        spatial_dims=3,
        in_channels=a["in_channels"],
        out_channels=a["num_classes"],
        kernel_size=[3] * len(widths),
        strides=[1, *steps],
        upsample_kernel_size=steps,
        filters=widths,
    )
    # Its other attributes name the same blocks again: a checkpoint would hold them twice.
    network = nn.Sequential(whole.skip_layers, whole.output_block)  # type: ignore[arg-type]
    return Rival(network, a, 2 ** len(steps))


def build_segresnet(a: Architecture) -> Rival:
    """SegResNet: residual blocks with group norm, most of them in the encoder."""
    from monai.networks.nets.segresnet import SegResNet

    if len(a["depths"]) != len(a["decoder_depths"]) + 1:
        raise BadInputError("segresnet needs one depth more than decoder_depths.")
    network = _made(
        SegResNet,
        spatial_dims=3,
        init_filters=a["width"],
        in_channels=a["in_channels"],
        out_channels=a["num_classes"],
        blocks_down=tuple(a["depths"]),
        blocks_up=tuple(a["decoder_depths"]),
    )
    return Rival(network, a, 2 ** len(a["decoder_depths"]))


def build_mednext(a: Architecture) -> Rival:
    """MedNeXt: ConvNeXt blocks down, at the bottom and up; depths are listed in that order.

    Raises:
        MissingDependencyError: this MONAI has no MedNeXt yet.
        BadInputError: the lists do not fit each other.
    """
    try:
        from monai.networks.nets.mednext import MedNeXt
    except ImportError as error:
        raise MissingDependencyError(
            "This MONAI is too old for mednext.", "Install MONAI 1.5 or newer."
        ) from error
    depths, expansions = tuple(a["depths"]), tuple(a["expansions"])
    levels = len(depths) // 2
    if len(depths) != 2 * levels + 1 or len(expansions) != len(depths):
        raise BadInputError(
            f"mednext has {len(depths)} depths and {len(expansions)} expansions.",
            "Give both for each level down, the bottom, and each level up.",
        )
    network = _made(
        MedNeXt,
        spatial_dims=3,
        init_filters=a["width"],
        in_channels=a["in_channels"],
        out_channels=a["num_classes"],
        encoder_expansion_ratio=expansions[:levels],
        bottleneck_expansion_ratio=expansions[levels],
        decoder_expansion_ratio=expansions[levels + 1 :],
        kernel_size=a["kernel"],
        use_residual_connection=True,
        blocks_down=depths[:levels],
        blocks_bottleneck=depths[levels],
        blocks_up=depths[levels + 1 :],
    )
    return Rival(network, a, 2**levels)


def _made(kind: Callable[..., nn.Module], **arguments: Any) -> nn.Module:
    """Build a network of MONAI; numbers that it refuses are the caller's."""
    try:
        return kind(**arguments)
    except (ValueError, IndexError, AssertionError) as error:
        raise BadInputError(
            f"MONAI builds no {getattr(kind, '__name__', 'network')} of these numbers: {error}",
            "Choose others.",
        ) from error
