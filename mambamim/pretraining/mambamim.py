"""MambaMIM: mask a volume, encode what is visible, reconstruct the rest (Sec. 3, Fig. 4)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.models import build_model
from mambamim.models.hymamba import STRIDE, check_input
from mambamim.pretraining.backbone import MaskedEncoder
from mambamim.pretraining.hybrid_decoder import HybridDecoder, LearnableToken
from mambamim.pretraining.masking import count_visible, draw_visible
from mambamim.pretraining.patches import Patches
from mambamim.pretraining.toki import TOKI

FILLS = ("toki", "learnable")
# Width of the hybrid decoder at the deepest grid.
_DECODER_WIDTH = {"hymamba_small": 192}
_USUAL_WIDTH = 768


@dataclass(frozen=True)
class Reconstructed:
    """What `MambaMIM` gives.

    Attributes:
        loss: mean squared error over the masked patches, scalar.
        visible: (B, d, h, w) bool, True = given to the encoder.
        prediction: the network's output in the target's units, (B, C, D, H, W).
        patches: of the input, with what `reconstruction` needs.
    """

    loss: Tensor
    visible: Tensor
    prediction: Tensor
    patches: Patches

    @property
    def reconstruction(self) -> Tensor:
        """In the input's units, (B, C, D, H, W); visible voxels are as they were given.

        Where the target was normalised per patch, each masked patch is shown with its own mean and
        deviation, which the network does not predict.
        """
        return self.patches.show(self.prediction.detach(), self.visible)


class MambaMIM(nn.Module):
    """Masked image modelling with state space token interpolation.

    Args:
        backbone: name of a network of `build_model`, or a network that keeps the contract of
            `mambamim.pretraining.backbone`.
        image_size: side of the cubes it is trained on and reconstructs, voxels, a multiple of 16.
        mask_ratio: share of the patches that is masked, in (0, 1).
        fill: what stands at the masked places of the Mamba stage's output: "toki" or "learnable".
        transition: of TOKI, "diagonal" or "dense".
        form: of TOKI, "equation8" or "algorithm3".
        bottom_up: False draws the Mamba stage's mask apart from the convolutions' (an ablation).
        skips: False lets the decoder see the deepest features only (an ablation).
        target: "normalised" per patch, or "raw" intensities.
        in_channels: of the volume.
        scan: order of the tokens, as in `build_model`, where `backbone` is a name.
        width: of the decoder at the deepest grid, a multiple of 16; None takes that which suits a
            backbone given by name.

    Attributes:
        architecture: arguments of `build_model` for the backbone, JSON-able; None where the
            backbone was a module that does not tell them.
        options: the other arguments as they are in use, JSON-able:
            `MambaMIM(build_model(**architecture), **options)` builds its like.

    Raises:
        BadInputError: an argument is none of these.
    """

    def __init__(
        self,
        backbone: str | nn.Module,
        image_size: int = 96,
        mask_ratio: float = 0.75,
        fill: str = "toki",
        *,
        transition: str = "diagonal",
        form: str = "equation8",
        bottom_up: bool = True,
        skips: bool = True,
        target: str = "normalised",
        in_channels: int = 1,
        scan: str = "raster",
        width: int | None = None,
    ) -> None:
        super().__init__()
        if image_size < STRIDE or image_size % STRIDE:
            raise BadInputError(f"image_size must be a multiple of {STRIDE}, not {image_size}.")
        if fill not in FILLS or target not in ("normalised", "raw"):
            raise BadInputError(
                f"MambaMIM has no fill {fill!r} with target {target!r}.",
                f"Fill with {' or '.join(FILLS)}; the target is normalised or raw.",
            )
        count_visible((image_size // STRIDE) ** 3, mask_ratio)
        if width is None:
            width = _DECODER_WIDTH.get(backbone if isinstance(backbone, str) else "", _USUAL_WIDTH)
        network = (
            build_model(backbone, in_channels, num_classes=1, scan=scan)
            if isinstance(backbone, str)
            else backbone
        )
        self.image_size, self.mask_ratio, self.in_channels = image_size, mask_ratio, in_channels
        self.bottom_up, self.target = bottom_up, target
        self.architecture: dict[str, Any] | None = copy.deepcopy(
            getattr(network, "architecture", None)
        )
        self.options: dict[str, Any] = {
            "image_size": image_size,
            "mask_ratio": mask_ratio,
            "fill": fill,
            "transition": transition,
            "form": form,
            "bottom_up": bottom_up,
            "skips": skips,
            "target": target,
            "in_channels": in_channels,
            "width": width,
        }
        self.encoder = MaskedEncoder(network)
        deepest = self.encoder.channels[-1]
        self.fill: nn.Module = (
            TOKI(deepest, transition, form) if fill == "toki" else LearnableToken(deepest)
        )
        self.decoder = HybridDecoder(
            self.encoder.channels,
            width,
            out_channels=in_channels,
            skips=skips,
        )

    def forward(
        self,
        volume: Tensor,
        visible: Tensor | None = None,
        generator: torch.Generator | None = None,
        count: int | None = None,
    ) -> Reconstructed:
        """Reconstruct what is masked.

        Args:
            volume: (B, C, D, H, W), sides multiples of 16.
            visible: (B, D/16, H/16, W/16) bool with the same number of True in each sample; None
                draws it.
            generator: for what is drawn, on the volume's device; None takes torch's own.
            count: of the True in each sample of `visible`, and the number that the network's own
                mask ratio leaves; a GPU is waited for where it is not given.
        """
        check_input(volume, self.in_channels)
        grid = tuple(side // STRIDE for side in volume.shape[2:])
        if visible is None:
            visible = self._draw(len(volume), grid, volume.device, generator)
            count = self.count(grid)
        elif visible.shape != (len(volume), *grid) or visible.dtype != torch.bool:
            raise BadInputError(f"visible must be bool {(len(volume), *grid)}.")
        kept = None
        if not self.bottom_up:
            kept = self._draw(len(volume), grid, volume.device, generator)
        prediction = self.predict(volume, visible, kept, count)
        patches = self.patches(volume)
        return Reconstructed(patches.error(prediction, visible), visible, prediction, patches)

    def count(self, grid: Sequence[int]) -> int:
        """Places of a grid (d, h, w) that stay visible where the network draws them itself."""
        return count_visible(math.prod(grid), self.mask_ratio)

    def predict(
        self,
        volume: Tensor,
        visible: Tensor,
        kept: Tensor | None = None,
        count: int | None = None,
    ) -> Tensor:
        """What the network makes of the visible patches.

        Args:
            volume: (B, C, D, H, W), sides multiples of 16.
            visible: (B, D/16, H/16, W/16) bool, the same number of True, at least 1, in each.
            kept: what the Mamba stage keeps, if not `visible` (`bottom_up=False`).
            count: that number, of `kept` too, where it is known.

        Returns:
            (B, C, D, H, W) float32, in the units of the target.
        """
        encoded = self.encoder(volume, visible, kept, count)
        filled = self.fill(encoded.tokens, encoded.visible)
        deepest = self.encoder.to_grid(filled, encoded.grid)
        return self.decoder(deepest, encoded.skips, visible).float()

    def patches(self, volume: Tensor) -> Patches:
        """The patches of (B, C, D, H, W) with the moments that the target is normalised by."""
        return Patches.of(volume, STRIDE, normalise=self.target == "normalised")

    def _draw(
        self,
        batch: int,
        grid: tuple[int, ...],
        device: torch.device,
        generator: torch.Generator | None,
    ) -> Tensor:
        return draw_visible(batch, grid, self.mask_ratio, generator, device)
