"""The hybrid decoder: from sparse features to the whole volume (Sec. 3.3, Alg. 2)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mambamim.ops.bias_act import pointwise
from mambamim.ops.fill_masked import fill_masked
from mambamim.ops.group_norm import GroupNormReLU
from mambamim.ops.join import join
from mambamim.ops.thin_conv import ThinConv3d
from mambamim.pretraining.runs import find_runs


class LearnableToken(nn.Module):
    """One learnt vector for every masked place: the baseline that TOKI is held against."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(channels))

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """(B, K, C) visible tokens and (B, L) bool -> (B, L, C)."""
        spread = find_runs(tokens, visible).spread(tokens)
        return torch.where(visible[..., None], spread, self.token.to(tokens.dtype))

    def fill(self, feature: Tensor, visible: Tensor) -> Tensor:
        """The same for a feature (B, C, D, H, W) with `visible` (B, d, h, w)."""
        return fill_masked(feature, visible, self.token)


class UpBlock(nn.Module):
    """Double the resolution, two convolutions; join the skip, two convolutions more.

    Args:
        in_channels: of the deeper feature.
        out_channels: of the result.
        skip_channels: of the projected skip, 0 for none.
    """

    def __init__(self, in_channels: int, out_channels: int, skip_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2)
        self.convs = _two_convolutions(out_channels, out_channels)
        self.join = _two_convolutions(out_channels + skip_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """(B, C_in, d, h, w), skip (B, C_skip, 2d, 2h, 2w) -> (B, C_out, 2d, 2h, 2w)."""
        x = self.convs(self.up(x))
        return self.join(x if skip is None else join(skip, x))


class HybridDecoder(nn.Module):
    """Fills the masked places of every skip with a learnt token, and climbs to full resolution.

    Args:
        channels: widths of the encoder's features, shallow first, the deepest last.
        width: at the deepest grid; halves with every doubling of the resolution.
        levels: doublings of the resolution, 4 for stride 16.
        out_channels: of the volume.
        skips: whether features at finer strides are joined (False: an ablation of the paper). An
            encoder without one feature a level has none to join.
    """

    def __init__(
        self,
        channels: Sequence[int],
        width: int,
        levels: int = 4,
        out_channels: int = 1,
        skips: bool = True,
    ) -> None:
        super().__init__()
        *shallow, deepest = channels
        widths = [width // 2**level for level in range(levels, -1, -1)]  # shallow first
        self.joins = skips and len(shallow) == levels
        self.project = nn.Conv3d(deepest, width, 1)
        joined = list(zip(shallow, widths, strict=False)) if self.joins else []
        self.tokens = nn.ModuleList(LearnableToken(source) for source, _ in joined)
        self.skip_projections = nn.ModuleList(
            ThinConv3d(source, target) for source, target in joined
        )
        self.ups = nn.ModuleList(
            UpBlock(deep, fine, fine if self.joins else 0)
            for fine, deep in itertools.pairwise(widths)
        )
        self.last = nn.Conv3d(widths[0], out_channels, 1)

    def forward(self, deepest: Tensor, skips: Sequence[Tensor], visible: Tensor) -> Tensor:
        """Reconstruct the volume.

        Args:
            deepest: whole, its masked places filled, (B, C, d, h, w).
            skips: sparse features, shallow first, zero where masked.
            visible: (B, d, h, w) bool.

        Returns:
            (B, out_channels, D, H, W), in the units of the target.
        """
        x = self.project(deepest)
        for level in reversed(range(len(self.ups))):
            skip = self._skip(level, skips[level], visible) if self.joins else None
            x = self.ups[level](x, skip)
        return pointwise(self.last, x)

    def _skip(self, level: int, feature: Tensor, visible: Tensor) -> Tensor:
        token = self.tokens[level]
        assert isinstance(token, LearnableToken)
        return self.skip_projections[level](token.fill(feature, visible))


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice 3x3x3, norm, ReLU."""
    layers: list[nn.Module] = []
    for source in (in_channels, out_channels):
        layers += [
            ThinConv3d(source, out_channels, bias=False),
            GroupNormReLU(math.gcd(8, out_channels), out_channels),
        ]
    return nn.Sequential(*layers)
