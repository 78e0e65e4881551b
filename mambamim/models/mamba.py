"""Vision Mamba: the mixer, a layer, and a stage of layers that walks through a 3D grid.

Letters: C width of the tokens, E = expand C inner channels, N state size, R rank of the step size,
L sequence length, K visible tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.models.position import sin_cos_position
from mambamim.ops.causal_conv import causal_conv1d, causal_conv1d_both
from mambamim.ops.scan_order import SCAN_KINDS, scan_order
from mambamim.ops.selective_scan import selective_scan
from mambamim.ops.triton_support import kernels

_STEP_MIN, _STEP_MAX, _STEP_FLOOR = 1e-3, 1e-1, 1e-4


class ScanDirection(nn.Module):
    """What one direction of a mixer owns: short filter, projections to step, B and C, A and D."""

    def __init__(self, inner: int, rank: int, states: int = 16, kernel_size: int = 4) -> None:
        super().__init__()
        self.split = (rank, states, states)
        self.conv1d = nn.Conv1d(inner, inner, kernel_size, groups=inner)
        self.x_proj = nn.Linear(inner, rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        rates = torch.arange(1, states + 1, dtype=torch.float32)
        self.A_log = nn.Parameter(rates.log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self._init_steps(rank)

    def _init_steps(self, rank: int) -> None:
        """Mamba's start: step sizes softplus(bias) spread evenly in log over 0.001 to 0.1."""
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        low, high = math.log(_STEP_MIN), math.log(_STEP_MAX)
        steps = torch.exp(torch.rand_like(self.D) * (high - low) + low).clamp(min=_STEP_FLOOR)
        with torch.no_grad():
            self.dt_proj.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus inverted

    @property
    def taps(self) -> tuple[Tensor, Tensor]:
        """Of the short filter: weight (E, K) and bias (E,)."""
        assert self.conv1d.bias is not None
        return self.conv1d.weight[:, 0], self.conv1d.bias

    def forward(self, x: Tensor, gate: Tensor | None = None) -> Tensor:
        """(B, E, L) -> (B, E, L), each position knowing itself and those before it.

        With `gate` (B, E, L) what comes out is multiplied by its SiLU.
        """
        x = causal_conv1d(x, *self.taps)
        step, B, C = self.x_proj(x.transpose(1, 2)).transpose(1, 2).split(self.split, 1)
        delta = self.dt_proj.weight @ step
        A = -torch.exp(self.A_log.float())
        out = selective_scan(
            x, delta, A, B, C, self.D, gate, self.dt_proj.bias, delta_softplus=True
        )
        assert isinstance(out, Tensor)
        return out


def scan_both(
    ahead: ScanDirection, back: ScanDirection, x: Tensor, gate: Tensor, found: Any
) -> Tensor:
    """The sum of two directions, gated, with one launch for what both of them do.

    Args:
        ahead: the direction of time.
        back: the other one.
        x: (B, E, L).
        gate: (B, E, L).
        found: the module with the kernel of the scan.

    Returns:
        (B, E, L).
    """

    def both(pick: Callable[[ScanDirection], Tensor]) -> Tensor:
        return torch.stack([pick(ahead), pick(back)])

    batch = len(x)
    xs = causal_conv1d_both(x, both(lambda d: d.taps[0]), both(lambda d: d.taps[1]))
    tokens = xs.mT.reshape(2, -1, xs.shape[1])  # (2, B L, E)
    projected = tokens @ both(lambda d: d.x_proj.weight).mT
    step, B, C = projected.split(ahead.split, 2)
    delta = step @ both(lambda d: d.dt_proj.weight).mT
    delta, B, C = (part.unflatten(1, (batch, -1)).flatten(0, 1).mT for part in (delta, B, C))
    y, _ = found.scan_triton(
        xs, delta, -torch.exp(both(lambda d: d.A_log).float()), B, C, both(lambda d: d.D), gate,
        both(lambda d: d.dt_proj.bias), True,
    )  # fmt: skip
    return y[:batch] + y[batch:]


class MambaMixer(nn.Module):
    """Vision Mamba mixer: gate and value, a selective scan per direction, summed, projected back.

    Both directions' weights always exist. With `bidirectional=False` the backward ones are carried
    and frozen: the authors' checkpoints hold them, their network never runs them.
    """

    def __init__(self, width: int, bidirectional: bool, expand: int = 2, states: int = 16) -> None:
        super().__init__()
        inner = expand * width
        rank = -(-width // 16)
        self.bidirectional = bidirectional
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.ahead = ScanDirection(inner, rank, states)
        self.back = ScanDirection(inner, rank, states)
        self.back.requires_grad_(bidirectional)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        x, gate = self.in_proj(tokens).transpose(1, 2).chunk(2, 1)
        if not self.bidirectional:
            y = self.ahead(x, gate)
        elif found := kernels("selective_scan_triton", x):
            y = scan_both(self.ahead, self.back, x, gate, found)
        else:
            y = (self.ahead(x) + self.back(x.flip(2)).flip(2)) * F.silu(gate)
        return self.out_proj(y.transpose(1, 2))


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, ratio: int = 2) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, ratio * width)
        self.fc2 = nn.Linear(ratio * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class MambaBlock(nn.Module):
    """x + mamba(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, width: int, bidirectional: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mamba = MambaMixer(width, bidirectional)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        tokens = tokens + self.mamba(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class MambaStage(nn.Module):
    """Mamba layers over the tokens of a 3D grid, in a scan order, with a fixed position embedding.

    The three steps can be taken one by one, so that a caller may drop tokens between them:

        tokens = stage.to_tokens(grid)        # (B, L, C), position added, in scan order
        tokens = stage.forward_tokens(tokens) # any subset of them, (B, K, C), in scan order
        grid = stage.to_grid(tokens, (D, H, W))

    `stage.order((D, H, W), device)` tells which voxel each token is.
    """

    def __init__(self, width: int, layers: int, bidirectional: bool, scan: str = "raster") -> None:
        super().__init__()
        if scan not in SCAN_KINDS:
            raise BadInputError(
                f"There is no scan order {scan!r}.", f"Choose of {', '.join(SCAN_KINDS)}."
            )
        self.width, self.scan = width, scan
        self.blocks = nn.ModuleList(MambaBlock(width, bidirectional) for _ in range(layers))
        self._grids: dict[tuple, tuple[Tensor, Tensor, Tensor]] = {}

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, D, H, W) -> (B, C, D, H, W)."""
        return self.to_grid(self.forward_tokens(self.to_tokens(grid)), grid.shape[2:])

    def order(self, shape: tuple[int, ...], device: torch.device | str = "cpu") -> Tensor:
        """(L,): token i is the voxel order[i], counted in raster order."""
        return self._grid(shape, torch.device(device))[0]

    def to_tokens(self, grid: Tensor) -> Tensor:
        """(B, C, D, H, W) -> (B, L, C) in scan order, position embedding added."""
        order, _, position = self._grid(grid.shape[2:], grid.device)
        tokens = grid.flatten(2).transpose(1, 2) + position.to(grid.dtype)
        return tokens if self.scan == "raster" else tokens[:, order]

    def forward_tokens(self, tokens: Tensor) -> Tensor:
        """(B, K, C) tokens in scan order, K of any size -> (B, K, C)."""
        return self.layer_outputs(tokens)[-1]

    def layer_outputs(self, tokens: Tensor) -> list[Tensor]:
        """The (B, K, C) tokens after each layer."""
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
        return outputs

    def to_grid(self, tokens: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(B, L, C) in scan order -> (B, C, D, H, W)."""
        if self.scan != "raster":
            tokens = tokens[:, self._grid(shape, tokens.device)[1]]
        return tokens.transpose(1, 2).reshape(tokens.shape[0], self.width, *shape)

    def _grid(self, shape: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Order (L,), its inverse (L,) and position (L, C) in raster order, kept per grid."""
        depth, height, width = (int(side) for side in shape)
        key = (depth, height, width, device)
        if key in self._grids:
            return self._grids[key]
        order = scan_order(self.scan, (depth, height, width)).numpy()
        position = sin_cos_position((depth, height, width), self.width)
        with torch.inference_mode(False):  # an inference tensor would break later training
            kept = (
                torch.as_tensor(order, device=device),
                torch.as_tensor(np.argsort(order), device=device),
                torch.as_tensor(position, device=device),
            )
        if not torch.jit.is_tracing():  # what is made while tracing belongs to that trace
            self._grids[key] = kept
        return kept
