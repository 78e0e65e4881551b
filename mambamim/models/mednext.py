"""Convolutional parts of the encoders: channels-first LayerNorm, MedNeXt block, residual block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.bias_act import bias_act, over_space, pointwise
from mambamim.ops.channel_norm import channel_norm
from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.sparse import Visible, convolve, convolve_bare, hide
from mambamim.ops.triton_support import fused_kernels


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of each voxel: biased variance, then scale and shift.

    It looks at one voxel alone, so its result depends neither on the window's size nor on masked
    voxels elsewhere.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(
        self,
        x: Tensor,
        visible: Visible = None,
        before: Tensor | None = None,
        residual: Tensor | None = None,
        slope: float | None = None,
    ) -> Tensor:
        """leaky(norm(x + before) + residual), zero where `visible` (B, d, h, w) is False.

        Args:
            x: (B, C, D, H, W).
            visible: None: all is.
            before: (C,), the bias that a bare convolution has left, see `bare`; None for none.
            residual: as `x`, zero where masked; None for none.
            slope: of the leaky ReLU; None for none.
        """
        half = x.dtype in (torch.float16, torch.bfloat16)
        fused = fused_kernels("channel_norm_triton", x) is not None
        if visible is not None or half or fused:
            # The authors' masked norm is torch's own; the two round differently.
            more = (before, residual, slope)
            return hide(channel_norm(x, self.weight, self.bias, self.eps, *more), visible)
        x = bias_act(x, before)
        centred = x - x.mean(1, keepdim=True)
        scale = torch.sqrt(centred.square().mean(1, keepdim=True) + self.eps)
        # In the authors' order of operations: their weights then give their features to the bit.
        normed = (over_space(self.weight) * (centred / scale)).add_(over_space(self.bias))
        total = normed if residual is None else normed + residual
        return total if slope is None else F.leaky_relu(total, slope)


class MedNeXtBlock(nn.Module):
    """x + conv3(gelu(conv2(norm(conv1(x))))): depthwise 3x3x3, then a 1x1x1 bottleneck outwards."""

    def __init__(self, channels: int, expansion: int, kernel_size: int = 3) -> None:
        super().__init__()
        inner = channels * expansion
        self.conv1 = DepthwiseConv3d(channels, kernel_size)
        self.norm = ChannelNorm(channels)
        self.conv2 = nn.Conv3d(channels, inner, 1)
        self.conv3 = nn.Conv3d(inner, channels, 1)

    def forward(self, x: Tensor, visible: Visible = None) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D, H, W); see `MedNeXtStage` for `visible`."""
        # All but the first convolution look at one voxel: biases are hidden once, at the end.
        inner = self.norm(convolve(self.conv1, x, visible), visible)
        return x + hide(pointwise(self.conv3, F.gelu(pointwise(self.conv2, inner))), visible)


class MedNeXtStage(nn.ModuleList):
    """MedNeXt blocks one after the other.

    `visible` (B, d, h, w) bool, here as in all encoders: what is masked is zero going in and coming
    out, and changes nothing that is visible; None means that all is visible.
    """

    def __init__(self, depth: int, channels: int, expansion: int) -> None:
        super().__init__(MedNeXtBlock(channels, expansion) for _ in range(depth))

    def forward(self, x: Tensor, visible: Visible = None) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D, H, W)."""
        for block in self:
            x = block(x, visible)
        return x


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with ChannelNorm; a 1x1x1 one on the shortcut if channels change."""

    def __init__(self, in_channels: int, out_channels: int, slope: float = 0.01) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.norm1 = ChannelNorm(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1)
        self.norm2 = ChannelNorm(out_channels)
        self.slope = slope
        self.projects = in_channels != out_channels
        if self.projects:
            self.conv3 = nn.Conv3d(in_channels, out_channels, 1)
            self.norm3 = ChannelNorm(out_channels)

    def forward(self, x: Tensor, visible: Visible = None) -> Tensor:
        """(B, C_in, D, H, W) -> (B, C_out, D, H, W); see `MedNeXtStage` for `visible`."""
        inner, bias = convolve_bare(self.conv1, x, visible)
        inner = self.norm1(inner, visible, bias, slope=self.slope)
        inner, bias = convolve_bare(self.conv2, inner, visible)
        shortcut = self.norm3(pointwise(self.conv3, x), visible) if self.projects else x
        return self.norm2(inner, visible, bias, shortcut, self.slope)
