"""The encoder of hymamba_small: the HyMamba family for computers without a GPU.

Where hymamba's time goes are 3x3x3 convolutions of 64 to 128 channels at full resolution; they wait
for memory, not for arithmetic. Here full resolution is one thin convolution, and the channels are
where voxels are few.

Norms. The encoder has LayerNorm over channels (ChannelNorm): it needs no statistics over space, so
a masked or a small window gives the same features, and absolute HU survive. The decoder has
instance norm, as hymamba's. Batch norm would fold into the convolutions and be faster yet, but
batches of 3D crops are too small for it, and its running statistics mix phantoms with patients.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from mambamim.models.mednext import ChannelNorm, MedNeXtStage
from mambamim.ops.bias_act import bare
from mambamim.ops.sparse import Visible, convolve_leaky, hide
from mambamim.ops.visible_blocks import SMALLEST_BLOCK, VisibleBlocks, whole


class SmallDown(nn.Sequential):
    """A convolution that halves, and its norm."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, 2d, 2h, 2w) -> (B, C_out, d, h, w)."""
        conv, norm = self
        y, bias = bare(conv, x)  # type: ignore[arg-type]
        return norm(y, before=bias)


class SmallEncoder(nn.Module):
    """A thin stem, then per stage: halve with a 2x2x2 convolution, norm, MedNeXt blocks.

    Args:
        in_channels: of the volume.
        channels: widths of the features at strides 1, 2, 4, 8 and 16.
        depths: MedNeXt blocks at strides 2, 4, 8 and 16.
        expansions: of the same blocks.
    """

    by_blocks = True  # see `mambamim.pretraining.backbone`

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        depths: Sequence[int],
        expansions: Sequence[int],
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.stem = nn.Conv3d(in_channels, channels[0], 3, padding=1)
        # Windows of 2 never straddle two patches of 16: what is masked cannot leak through them.
        self.down = nn.ModuleList(
            SmallDown(nn.Conv3d(a, b, 2, stride=2), ChannelNorm(b))
            for a, b in itertools.pairwise(channels)
        )
        self.stages = nn.ModuleList(
            MedNeXtStage(depth, width, expansion)
            for width, depth, expansion in zip(channels[1:], depths, expansions, strict=True)
        )

    def forward(self, x: Tensor, visible: Visible = None) -> list[Tensor]:
        """(B, C_in, D, H, W) -> features at strides 1, 2, 4, 8, 16.

        With `visible` (B, D/16, H/16, W/16) only what is visible is seen, see `MedNeXtStage`. Given
        as blocks, fine features are made of these alone.
        """
        where = visible
        if isinstance(where, VisibleBlocks):
            x = where.cut(x)
        x = hide(convolve_leaky(self.stem, hide(x, where), where, 0.01), where)
        features = [whole(x, where)]
        for down, stage in zip(self.down, self.stages, strict=True):
            if isinstance(where, VisibleBlocks) and x.shape[2] <= SMALLEST_BLOCK:
                x, where = where.spread(x), where.visible
            x = stage(hide(down(x), where), where)
            features.append(whole(x, where))
        return features
