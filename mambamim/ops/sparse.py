"""Operators that see only what is visible: for pre-training on masked volumes (Sec. 3.2, Eq. 1).

`visible` is (B, d, h, w) bool on a grid that is at least as coarse as the features', each side a
divisor of theirs; None means that everything is visible. Masked voxels are zero going in and coming
out, they never win a maximum, and no norm counts them. With `visible=None` every operator is its
dense counterpart, with the same weights.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.ops.bias_act import bare, bias_act, convolve_act
from mambamim.ops.depthwise_conv import DepthwiseConv3d
from mambamim.ops.fill_masked import fill_masked, spread_visible
from mambamim.ops.triton_support import fused_kernels
from mambamim.ops.visible_blocks import VisibleBlocks

# A mask (B, d, h, w) bool, blocks of what a mask shows, or None: all is visible.
Visible = Tensor | VisibleBlocks | None


def hide(x: Tensor, visible: Visible) -> Tensor:
    """`x` (B, C, D, H, W) with zeros where it is masked; whatever stood there is gone, NaN too.

    Blocks hold nothing that is masked, and are given back.
    """
    if visible is None or isinstance(visible, VisibleBlocks):
        return x
    return fill_masked(x, visible)


def convolve(conv: nn.Conv3d, x: Tensor, visible: Visible) -> Tensor:
    """A 3x3x3 convolution with padding 1 that keeps the size; masked places are not hidden yet.

    Args:
        conv: the convolution.
        x: (B, C, D, H, W), zero where masked, or blocks.
        visible: of `x`.
    """
    return visible.convolve(conv, x) if isinstance(visible, VisibleBlocks) else conv(x)


def convolve_bare(conv: nn.Conv3d, x: Tensor, visible: Visible) -> tuple[Tensor, Tensor | None]:
    """`convolve`, and the bias that is left to the kernel that comes next, see `bare`."""
    if not isinstance(visible, VisibleBlocks):
        return bare(conv, x)
    if isinstance(conv, DepthwiseConv3d) or fused_kernels("bias_act_triton", x) is None:
        return visible.convolve(conv, x), None
    unbiased = copy.copy(conv)  # shares the weight
    unbiased._parameters = {**conv._parameters, "bias": None}
    return visible.convolve(unbiased, x), conv.bias


def convolve_leaky(conv: nn.Conv3d, x: Tensor, visible: Visible, slope: float) -> Tensor:
    """`convolve` and a leaky ReLU; masked places are not hidden yet."""
    if isinstance(visible, VisibleBlocks):
        return bias_act(*convolve_bare(conv, x, visible), slope)
    return convolve_act(conv, x, slope)


def visible_moments(x: Tensor, visible: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over the visible voxels of each sample and group of channels.

    Args:
        x: (B, C, D, H, W).
        visible: (B, d, h, w).
        groups: C for instance norm.

    Returns:
        Each (B, groups, 1), float32 or wider.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    parts = hide(wide, visible).reshape(len(x), groups, -1)
    share = visible.flatten(1).to(wide.dtype).mean(1)[:, None, None]
    count = (share * parts.shape[2]).clamp_min(1)
    mean = parts.sum(2, keepdim=True) / count
    centred = wide.reshape(len(x), groups, -1) - mean
    masked = spread_visible(visible, tuple(x.shape[2:])).expand_as(x).reshape(parts.shape)
    variance = torch.where(masked, centred, centred.new_zeros(())).square().sum(2, keepdim=True)
    return mean, variance / count


class SparseConv3d(nn.Conv3d):
    """A convolution whose output is hidden again where it is masked."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(B, C_in, D, H, W) -> (B, C_out, D', H', W')."""
        return hide(super().forward(x), visible)


class SparseMaxPool3d(nn.MaxPool3d):
    """A maximum over the visible voxels of each window; zero where none is visible."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D', H', W')."""
        if visible is None:
            return super().forward(x)
        seen = spread_visible(visible, tuple(x.shape[2:]))
        pooled = super().forward(torch.where(seen, x, -torch.inf))
        return torch.where(pooled == -torch.inf, pooled.new_zeros(()), pooled)


class SparseAvgPool3d(nn.AvgPool3d):
    """A mean over the visible voxels of each window; zero where none is visible."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D', H', W')."""
        if visible is None:
            return super().forward(x)
        seen = spread_visible(visible, tuple(x.shape[2:])).to(x.dtype)
        share = super().forward(seen)
        return super().forward(hide(x, visible)) / torch.where(share > 0, share, 1)


class SparseGroupNorm(nn.GroupNorm):
    """Group norm whose statistics are those of the visible voxels of each sample."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) -> the same."""
        if visible is None:
            return super().forward(x)
        mean, variance = visible_moments(x, visible, self.num_groups)
        parts = x.reshape(len(x), self.num_groups, -1)
        normed = ((parts - mean) * torch.rsqrt(variance + self.eps)).reshape(x.shape)
        if self.affine:
            normed = normed * _over_space(self.weight) + _over_space(self.bias)
        return hide(normed.to(x.dtype), visible)


class SparseInstanceNorm3d(SparseGroupNorm):
    """Instance norm over the visible voxels: group norm with a group a channel."""

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(channels, channels, eps, affine)


class SparseBatchNorm3d(nn.BatchNorm3d):
    """Batch norm over the visible voxels of all samples; its running statistics are of them too."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(B, C, D, H, W) -> the same."""
        if visible is None:
            return super().forward(x)
        # The visible voxels of all samples are one long sample without space: (1, C, count).
        seen = spread_visible(visible, tuple(x.shape[2:]))[:, 0]
        values = x.movedim(1, -1)[seen].T[None]
        self._check_input_dim(x)
        training = self.training or not self.track_running_stats
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        running = self.track_running_stats
        normed = F.batch_norm(
            values,
            self.running_mean if running else None,
            self.running_var if running else None,
            self.weight,
            self.bias,
            training,
            0.1 if self.momentum is None else self.momentum,
            self.eps,
        )
        out = x.new_zeros(x.movedim(1, -1).shape)
        out[seen] = normed[0].T.to(x.dtype)
        return out.movedim(-1, 1)


def _over_space(weights: Tensor) -> Tensor:
    return weights[:, None, None, None]
