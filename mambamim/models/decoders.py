"""Decoders: features at strides 1, 2, 4, 8, 16 in, logits at stride 1 out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from monai.networks.blocks.unetr_block import UnetrUpBlock
from torch import Tensor, nn

from mambamim.models.mednext import ChannelNorm, MedNeXtBlock, ResidualBlock
from mambamim.models.unet_block import UnetBlock, with_unet_blocks
from mambamim.ops.bias_act import bare, convolve_act, pointwise

_INSTANCE = ("instance", {"affine": True})


def climb(ups: nn.ModuleList, features: Sequence[Tensor]) -> Tensor:
    """From the deepest feature up: each up block of `ups` (shallow first) takes the next skip.

    Args:
        ups: one block a skip; block(x, skip) doubles the resolution.
        features: the skips, shallow first, then the deepest.

    Returns:
        What the shallowest block gives.
    """
    *skips, x = features
    for up, skip in zip(reversed(ups), reversed(skips), strict=True):
        x = up(x, skip)
    return x


class UnetrDecoder(nn.Module):
    """hymamba's decoder: MONAI's UNETR up blocks, then a residual block and a 1x1x1 convolution.

    Args:
        channels: widths of the features at strides 1, 2, 4, 8 and 16.
        last: width before the logits.
        num_classes: of the logits.
    """

    def __init__(self, channels: Sequence[int], last: int, num_classes: int) -> None:
        super().__init__()
        self.ups = nn.ModuleList(
            with_unet_blocks(UnetrUpBlock(3, deep, shallow, 3, 2, "instance", res_block=True))
            for shallow, deep in itertools.pairwise(channels)
        )
        self.last = ResidualBlock(channels[0], last)
        self.head = nn.Conv3d(last, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features at strides 1, 2, 4, 8, 16 -> logits (B, num_classes, D, H, W)."""
        return convolve_act(self.head, self.last(climb(self.ups, features)))


class MedNeXtUp(nn.Module):
    """A MedNeXt block that doubles the resolution, shortcut included; then the skip is added."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, depth: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.conv1 = nn.ConvTranspose3d(
            in_channels, in_channels, 3, 2, padding=1, output_padding=1, groups=in_channels
        )
        self.norm = ChannelNorm(in_channels)
        self.conv2 = nn.Conv3d(in_channels, inner, 1)
        self.conv3 = nn.Conv3d(inner, out_channels, 1)
        self.shortcut = nn.ConvTranspose3d(in_channels, out_channels, 1, 2, output_padding=1)
        self.blocks = nn.Sequential(*(MedNeXtBlock(out_channels, expansion) for _ in range(depth)))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, d, h, w) and skip (B, C_out, 2d, 2h, 2w) -> (B, C_out, 2d, 2h, 2w)."""
        inner, bias = bare(self.conv1, x)
        inner = pointwise(self.conv2, self.norm(inner, before=bias))
        up = pointwise(self.conv3, F.gelu(inner))
        return self.blocks(convolve_act(self.shortcut, x, residual=up) + skip)


class MedNeXtDecoder(nn.Module):
    """hymamba_paper's decoder: MedNeXt up blocks and a 1x1x1 convolution.

    Args:
        channels: widths of the features at strides 1, 2, 4, 8 and 16.
        depths: MedNeXt blocks at strides 1, 2, 4 and 8.
        expansions: of the same blocks.
        num_classes: of the logits.
    """

    def __init__(
        self,
        channels: Sequence[int],
        depths: Sequence[int],
        expansions: Sequence[int],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.ups = nn.ModuleList(
            MedNeXtUp(deep, shallow, expansion, depth)
            for (shallow, deep), expansion, depth in zip(
                itertools.pairwise(channels), expansions, depths, strict=True
            )
        )
        self.head = nn.Conv3d(channels[0], num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features at strides 1, 2, 4, 8, 16 -> logits (B, num_classes, D, H, W)."""
        return convolve_act(self.head, climb(self.ups, features))


class ConvLeaky(nn.Sequential):
    """A 3x3x3 convolution and its leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, slope: float = 0.01) -> None:
        super().__init__(nn.Conv3d(in_channels, out_channels, 3, padding=1))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> (B, C_out, D, H, W)."""
        (conv,) = self
        return convolve_act(conv, x, self.slope)  # type: ignore[arg-type]


class SmallUp(nn.Module):
    """Double the resolution, add the skip, then a block of instance-normed 3x3x3 convolutions."""

    def __init__(self, in_channels: int, out_channels: int, block: nn.Module) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2)
        self.block = block

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, d, h, w) and skip (B, C_out, 2d, 2h, 2w) -> (B, C_out, 2d, 2h, 2w)."""
        return self.block(convolve_act(self.up, x, residual=skip))


class SmallDecoder(nn.Module):
    """Residual blocks of dense convolutions up to 1/2; one thin convolution at full resolution.

    Skips are added, not concatenated: the first convolution of each block halves its work.

    Args:
        channels: widths of the features at strides 1, 2, 4, 8 and 16.
        num_classes: of the logits.
    """

    def __init__(self, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        thin = channels[0]
        # No norm here: what comes in is normed at 1/2, and a norm reads every voxel twice.
        last = ConvLeaky(thin, thin)
        blocks = [UnetBlock(3, c, c, 3, 1, _INSTANCE) for c in channels[1:-1]]
        self.ups = nn.ModuleList(
            SmallUp(deep, shallow, block)
            for (shallow, deep), block in zip(
                itertools.pairwise(channels), [last, *blocks], strict=True
            )
        )
        self.head = nn.Conv3d(thin, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features at strides 1, 2, 4, 8, 16 -> logits (B, num_classes, D, H, W)."""
        return convolve_act(self.head, climb(self.ups, features))
