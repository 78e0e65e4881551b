"""MONAI's blocks of U-Nets, which on GPUs keep the features' layout and pass over them less."""

from __future__ import annotations

from typing import TypeVar

from monai.networks.blocks.dynunet_block import UnetResBlock
from monai.networks.blocks.unetr_block import UnetrUpBlock
from torch import Tensor, nn

from mambamim.ops.group_norm import norm_leaky
from mambamim.ops.join import join

Block = TypeVar("Block", bound=nn.Module)


class UnetBlock(UnetResBlock):
    """leaky(norm2(conv2(leaky(norm1(conv1(x))))) + x), x through conv3 and norm3 if there are.

    On GPUs with Triton each norm, what is added to it and its leaky ReLU are one kernel.
    """

    def forward(self, inp: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> (B, C_out, D, H, W)."""
        slope = self.lrelu.negative_slope
        inner = self.conv1(inp)
        fused = norm_leaky(inner, self.norm1, slope)
        inner = self.lrelu(self.norm1(inner)) if fused is None else fused
        inner = self.conv2(inner)
        shortcut, norm = (self.conv3(inp), self.norm3) if self.downsample else (inp, None)
        fused = norm_leaky(inner, self.norm2, slope, shortcut, norm)
        if fused is not None:
            return fused
        shortcut = shortcut if norm is None else norm(shortcut)
        return self.lrelu(self.norm2(inner).add_(shortcut))


class UnetUpBlock(UnetrUpBlock):
    """Double the resolution; join the skip, then a residual block."""

    def forward(self, inp: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, d, h, w) and skip (B, C_out, 2d, 2h, 2w) -> (B, C_out, 2d, 2h, 2w)."""
        return self.conv_block(join(self.transp_conv(inp), skip))


_OURS = {UnetResBlock: UnetBlock, UnetrUpBlock: UnetUpBlock}


def with_unet_blocks(block: Block) -> Block:
    """A block of MONAI's, it and its parts ours: same tensors, same names, same draws."""
    for part in block.modules():
        if ours := _OURS.get(type(part)):
            part.__class__ = ours
    return block
