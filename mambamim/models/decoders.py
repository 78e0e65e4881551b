"""Decoders: features at strides 1, 2, 4, 8, 16 in, logits at stride 1 out."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks.dynunet_block import UnetResBlock
from torch import Tensor, nn

_INSTANCE = ("instance", {"affine": True})


class SmallUp(nn.Module):
    """Double the resolution, add the skip, then a block of instance-normed 3x3x3 convolutions."""

    def __init__(self, in_channels: int, out_channels: int, block: nn.Module) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2)
        self.block = block

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, d, h, w) and skip (B, C_out, 2d, 2h, 2w) -> (B, C_out, 2d, 2h, 2w)."""
        return self.block(self.up(x).add_(skip))


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
        last = nn.Sequential(nn.Conv3d(thin, thin, 3, padding=1), nn.LeakyReLU(0.01, inplace=True))
        blocks = [UnetResBlock(3, c, c, 3, 1, _INSTANCE) for c in channels[1:-1]]
        self.ups = nn.ModuleList(
            SmallUp(deep, shallow, block)
            for shallow, deep, block in zip(channels, channels[1:], [last, *blocks], strict=False)
        )
        self.head = nn.Conv3d(thin, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features at strides 1, 2, 4, 8, 16 -> logits (B, num_classes, D, H, W)."""
        *skips, x = features
        for up, skip in zip(reversed(self.ups), reversed(skips), strict=True):
            x = up(x, skip)
        return self.head(x)
