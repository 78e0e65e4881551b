"""Vanilla Mamba: UNETR with its transformer replaced by Vision Mamba."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from monai.networks.blocks.unetr_block import UnetrBasicBlock, UnetrPrUpBlock, UnetrUpBlock
from torch import Tensor, nn

from mambamim.models.decoders import climb
from mambamim.models.hymamba import STRIDE, check_input
from mambamim.models.mamba import MambaStage
from mambamim.models.unet_block import with_unet_blocks
from mambamim.ops.bias_act import convolve_act
from mambamim.ops.sparse import hide


class PatchEmbedding(nn.Module):
    """Each patch of 16^3 voxels becomes one token by a linear map."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.channels = (in_channels, width)
        self.proj = nn.Conv3d(in_channels, width, STRIDE, stride=STRIDE)

    def forward(self, x: Tensor, visible: Tensor | None = None) -> list[Tensor]:
        """(B, C_in, D, H, W) -> what there is at strides 1 (the volume) and 16 (tokens).

        With `visible` (B, D/16, H/16, W/16) what is masked is zero.
        """
        x = hide(x, visible)
        return [x, hide(self.proj(x), visible)]


class VanillaDecoder(nn.Module):
    """UNETR's decoder: the volume and three hidden layers are brought to strides 1, 2, 4 and 8.

    Args:
        in_channels: of the volume.
        width: of the tokens.
        channels: widths of the features at strides 1, 2, 4 and 8.
        num_classes: of the logits.
    """

    def __init__(
        self, in_channels: int, width: int, channels: Sequence[int], num_classes: int
    ) -> None:
        super().__init__()
        first, *deeper = channels
        volume = UnetrBasicBlock(3, in_channels, first, 3, 1, "instance", res_block=True)
        self.skips = nn.ModuleList([with_unet_blocks(volume)])
        # From stride 16: up once, then `extra` times more with a residual block each.
        for extra, out in zip((2, 1, 0), deeper, strict=True):
            block = UnetrPrUpBlock(
                3, width, out, extra, 3, 1, 2, "instance", conv_block=True, res_block=True
            )
            self.skips.append(with_unet_blocks(block))
        self.ups = nn.ModuleList(
            with_unet_blocks(UnetrUpBlock(3, deep, shallow, 3, 2, "instance", res_block=True))
            for shallow, deep in itertools.pairwise([*channels, width])
        )
        self.head = nn.Conv3d(first, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """The volume, three hidden grids (shallow first) and the last one -> logits."""
        *sources, x = features
        skips = [block(source) for block, source in zip(self.skips, sources, strict=True)]
        return convolve_act(self.head, climb(self.ups, [*skips, x]))


class VanillaMamba(nn.Module):
    """Patch embedding, Mamba stage and decoder, composed.

    Args:
        encoder: the patch embedding.
        stage: Vision Mamba over the patches.
        taps: layers whose outputs are skips, counted from 1.
        decoder: takes the volume, the tapped layers and the last one.
        architecture: arguments of `build_model`, JSON-able.
    """

    def __init__(
        self,
        encoder: PatchEmbedding,
        stage: MambaStage,
        taps: Sequence[int],
        decoder: VanillaDecoder,
        architecture: dict[str, Any],
    ) -> None:
        super().__init__()
        self.encoder, self.stage, self.decoder = encoder, stage, decoder
        self.norm = nn.LayerNorm(stage.width)
        self.taps = tuple(taps)
        self.architecture = architecture

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> logits (B, num_classes, D, H, W); sides are multiples of 16.

        Raises:
            BadInputError: another number of channels, or a side that is no multiple of 16.
        """
        check_input(x, self.architecture["in_channels"])
        volume, patches = self.encoder(x)
        shape = patches.shape[2:]
        outputs = self.stage.layer_outputs(self.stage.to_tokens(patches))
        chosen = [*(outputs[tap - 1] for tap in self.taps), self.norm(outputs[-1])]
        return self.decoder([volume, *(self.stage.to_grid(tokens, shape) for tokens in chosen)])
