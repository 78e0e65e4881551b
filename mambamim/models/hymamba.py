"""HyMamba: a convolutional encoder, a Mamba stage at 1/16 resolution, a U-shaped decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.models.mamba import MambaStage
from mambamim.models.mednext import MedNeXtStage, ResidualBlock
from mambamim.ops.bias_act import bias_act
from mambamim.ops.max_pool import max_pool
from mambamim.ops.sparse import Visible, convolve_bare, hide
from mambamim.ops.visible_blocks import SMALLEST_BLOCK, VisibleBlocks, whole

STRIDE = 16


def check_input(x: Tensor, in_channels: int) -> None:
    """Refuse what is not (B, in_channels, D, H, W) with sides that are multiples of 16.

    Raises:
        BadInputError: names the sizes.
    """
    if x.dim() != 5 or x.shape[1] != in_channels:
        raise BadInputError(
            f"The network takes (B, {in_channels}, D, H, W), not {tuple(x.shape)}.",
            "Give a batch of volumes with that number of channels.",
        )
    sides = tuple(int(side) for side in x.shape[2:])
    if any(side < STRIDE or side % STRIDE for side in sides):
        raise BadInputError(
            f"The input's sides must be multiples of {STRIDE}, not {sides}.", "Pad the volume."
        )


class HyMamba(nn.Module):
    """Composes an encoder, a Mamba stage and a decoder; `architecture` says how to build it again.

    Args:
        encoder: volume -> features at strides 1, 2, 4, 8, 16; the last goes through `stage`.
        stage: on the deepest feature; None for a network of convolutions alone.
        decoder: such a list of features -> logits at stride 1.
        architecture: arguments of `build_model`, JSON-able.
    """

    def __init__(
        self,
        encoder: nn.Module,
        stage: MambaStage | None,
        decoder: nn.Module,
        architecture: dict[str, Any],
    ) -> None:
        super().__init__()
        self.encoder, self.stage, self.decoder = encoder, stage, decoder
        self.architecture = architecture

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, D, H, W) -> logits (B, num_classes, D, H, W); sides are multiples of 16.

        Raises:
            BadInputError: another number of channels, or a side that is no multiple of 16.
        """
        check_input(x, self.architecture["in_channels"])
        *skips, deepest = self.encoder(x)
        return self.decoder([*skips, deepest if self.stage is None else self.stage(deepest)])


class HyMambaEncoder(nn.Module):
    """The convolutional stages: MedNeXt blocks, 3x3x3 convolutions that widen, max-pooling.

    Args:
        in_channels: of the volume.
        channels: six widths: of the stem, and of the features at strides 1, 2, 4, 8 and 16.
        depths: MedNeXt blocks at strides 2, 4, 8, 16.
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
        stem, *widths = channels
        self.channels = (*widths, widths[-1])
        self.stem = nn.Conv3d(in_channels, stem, 3, padding=1)
        self.expand = nn.ModuleList(
            nn.Conv3d(a, b, 3, padding=1) for a, b in zip(channels, widths, strict=False)
        )
        self.stages = nn.ModuleList(
            MedNeXtStage(depth, width, expansion)
            for width, depth, expansion in zip(widths, depths, expansions, strict=True)
        )
        self.skips = nn.ModuleList(ResidualBlock(width, width) for width in widths)

    def forward(self, x: Tensor, visible: Visible = None) -> list[Tensor]:
        """(B, C_in, D, H, W) -> features at strides 1, 2, 4, 8, 16; all but the last are skips.

        With `visible` (B, D/16, H/16, W/16) only what is visible is seen, see `MedNeXtStage`. Given
        as blocks, fine features are made of these alone.
        """
        features: list[Tensor] = []
        where = visible
        if isinstance(where, VisibleBlocks):
            x = where.cut(x)
        x = hide(bias_act(*convolve_bare(self.stem, hide(x, where), where)), where)
        for expand, skip, stage in zip(self.expand, self.skips, self.stages, strict=True):
            if isinstance(where, VisibleBlocks) and x.shape[2] < SMALLEST_BLOCK:
                x, where = where.spread(x), where.visible
            x = hide(bias_act(*convolve_bare(expand, x, where)), where)  # type: ignore[arg-type]
            features.append(whole(skip(x, where), where))
            # Windows of 2 never straddle two patches of 16: a masked voxel meets masked ones only.
            x = stage(max_pool(x), where)
        return [*features, x]
