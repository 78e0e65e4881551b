"""What an encoder must offer to be pre-trained, the masked pass through it, and a self-check.

A network can be pre-trained if it has

    network.encoder     encoder(x, visible) -> features, shallow first, the last at stride 16;
                        masked places are zero in all of them and change nothing elsewhere;
                        encoder.channels tells their widths; encoder.by_blocks, optional, is True
                        where it takes `VisibleBlocks` too, which training gives it then
    network.stage       a `MambaStage` on the last feature, or None
    network.norm        optional, a norm of the stage's tokens

so a new backbone is one file with an encoder, and `check_backbone` says what is amiss with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.models.hymamba import STRIDE
from mambamim.models.mamba import MambaStage
from mambamim.ops.sparse import Visible, spread_visible
from mambamim.ops.visible_blocks import VisibleBlocks, visible_places
from mambamim.pretraining.masking import draw_visible


@dataclass(frozen=True)
class Encoded:
    """What the encoder knows of the visible patches.

    Attributes:
        skips: features at finer strides, shallow first, zero where masked, (B, C_i, D_i, H_i, W_i).
        tokens: of the deepest grid, the visible ones in scan order, (B, K, C).
        visible: the deepest grid in scan order, (B, L) bool.
        grid: (d, h, w), the deepest grid.
    """

    skips: list[Tensor]
    tokens: Tensor
    visible: Tensor
    grid: tuple[int, int, int]


class MaskedEncoder(nn.Module):
    """The encoder and Mamba stage of a network, over what is visible.

    Args:
        network: of `build_model`, or any that keeps the contract above. Its decoder is not kept.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.encoder: nn.Module = network.encoder  # type: ignore[assignment]
        self.stage: MambaStage | None = network.stage  # type: ignore[assignment]
        norm = getattr(network, "norm", None)
        self.norm: nn.Module = norm if norm is not None else nn.Identity()

    @property
    def channels(self) -> tuple[int, ...]:
        """Widths of the features, shallow first."""
        return tuple(self.encoder.channels)  # type: ignore[arg-type]

    def forward(
        self,
        volume: Tensor,
        visible: Tensor,
        kept: Tensor | None = None,
        count: int | None = None,
    ) -> Encoded:
        """Encode what is visible; the Mamba stage is given the visible tokens alone.

        Args:
            volume: (B, C, D, H, W), sides multiples of 16.
            visible: (B, D/16, H/16, W/16) bool, the same number of True in each sample.
            kept: what the Mamba stage keeps, if not `visible` (an ablation of the paper).
            count: that number, of `kept` too, where it is known; a GPU is waited for where it is
                not.
        """
        chosen, known = visible if kept is None else kept, count
        if known is None:
            # Asked before the encoder's work is given to a GPU: later it would have to be done
            # first, and the GPU would have nothing to do after it.
            known = int(chosen[0].sum())
        where: Visible = visible
        if self.training and getattr(self.encoder, "by_blocks", False):
            # Three quarters are masked: fine features are made of the visible patches alone. That
            # rounds otherwise than a convolution of the whole, so what is compared with the
            # authors' features, in evaluation, goes the long way.
            where = VisibleBlocks(visible, count)
        *skips, deepest = self.encoder(volume, where)
        depth, height, width = (int(side) for side in deepest.shape[2:])
        grid = (depth, height, width)
        if self.stage is None:
            sequence = deepest.flatten(2).transpose(1, 2)
            order = torch.arange(sequence.shape[1], device=deepest.device)
        else:
            sequence = self.stage.to_tokens(deepest)
            order = self.stage.order(grid, deepest.device)
        seen = chosen.flatten(1)[:, order]
        places = visible_places(seen, known)[..., None].expand(-1, -1, sequence.shape[2])
        tokens = sequence.gather(1, places)
        if self.stage is not None:
            tokens = self.stage.forward_tokens(tokens)
        return Encoded(list(skips), self.norm(tokens), seen, grid)

    def to_grid(self, tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """All tokens in scan order, (B, L, C), back to (B, C, d, h, w)."""
        if self.stage is not None:
            return self.stage.to_grid(tokens, grid)
        return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[2], *grid)


@torch.no_grad()
def check_backbone(network: nn.Module, in_channels: int = 1, seed: int = 0) -> None:
    """Try a network on a small masked volume.

    Raises:
        BadInputError: says which part of the contract does not hold.
    """
    for name in ("encoder", "stage"):
        if not hasattr(network, name):
            raise BadInputError(
                f"The backbone has no '{name}'.", "See mambamim.pretraining.backbone."
            )
    masked = MaskedEncoder(network).eval()
    generator = torch.Generator().manual_seed(seed)
    grid = (2, 3, 2)
    visible = draw_visible(2, grid, 0.5, generator)
    shape = (2, in_channels, *(STRIDE * side for side in grid))
    volume = torch.rand(shape, generator=generator)
    features = masked.encoder(volume, visible)
    if len(features) != len(masked.channels):
        raise BadInputError(
            f"The encoder gives {len(features)} features and names {len(masked.channels)} widths."
        )
    seen = spread_visible(visible, tuple(volume.shape[2:]))
    other = torch.where(seen, volume, torch.rand(shape, generator=generator))
    changed = masked.encoder(other, visible)
    for number, (one, two, width) in enumerate(
        zip(features, changed, masked.channels, strict=True)
    ):
        if one.shape[1] != width:
            raise BadInputError(f"Feature {number} has {one.shape[1]} channels, not {width}.")
        if one[~spread_visible(visible, tuple(one.shape[2:])).expand_as(one)].any():
            raise BadInputError(
                f"Feature {number} is not zero where it is masked.",
                "Hide it, see mambamim.ops.sparse.",
            )
        if not torch.equal(one, two):
            raise BadInputError(
                f"Feature {number} changes with voxels that are masked.",
                "Hide features before every operation that looks at neighbours.",
            )
    if tuple(features[-1].shape[2:]) != grid:
        raise BadInputError(f"The last feature must lie at stride {STRIDE}.")
