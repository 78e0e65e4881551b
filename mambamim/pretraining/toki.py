"""TOKI: masked tokens from the visible ones beside them, through a state-space filter.

Sec. 3.4, Eq. 8 and Alg. 3. For a run of Q masked tokens between the visible y_L and y_R:

    s_n = (1 - n/(Q+1)) y_L + (n/(Q+1)) y_R,   n = 0..Q+1     (interpolants)
    z_j = sum_{n=0..j} A^(j-n) B s_n,          j = 1..Q       (what fills place j)

(A, B) is a zero-order-hold discretisation; output and skip matrices are the identity. A run at an
end of the sequence holds its one neighbour: s_n = y. The paper's "Q+2" is a misprint for Q+1.

s_n is linear in n, so with S_m = sum_{k<m} A^k and H_j = sum_{n=0..j} n A^(j-n) = sum_{m=1..j} S_m

    z_j = B (S_{j+1} y_L + H_j (y_R - y_L) / (Q+1)).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.pretraining.runs import find_runs

TRANSITIONS = ("diagonal", "dense")
FORMS = ("equation8", "algorithm3")


class TOKI(nn.Module):
    """State space token interpolation.

    Args:
        channels: C of the tokens.
        transition: "diagonal" (a state per channel) or "dense" (channels mix).
        form: "equation8", or "algorithm3", which takes the interpolant out of the sum:
            z_j = sum_{n=0..j} A^(j-n) B s_j.
    """

    def __init__(
        self, channels: int, transition: str = "diagonal", form: str = "equation8"
    ) -> None:
        super().__init__()
        if transition not in TRANSITIONS or form not in FORMS:
            raise BadInputError(
                f"TOKI has no transition {transition!r} with form {form!r}.",
                f"Use {' or '.join(TRANSITIONS)}, and {' or '.join(FORMS)}.",
            )
        self.form = form
        kind = DiagonalFilter if transition == "diagonal" else DenseFilter
        self.filter = kind(channels)

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """Fill the masked places.

        Args:
            tokens: the visible ones in the order of the sequence, (B, K, C).
            visible: (B, L) bool, K True in each row.

        Returns:
            (B, L, C) in the dtype of `tokens`; visible places hold their token bit for bit.

        Raises:
            ValueError: no token is visible, or their number is not that of the True in `visible`.
        """
        runs = find_runs(tokens, visible)
        with torch.autocast(tokens.device.type, enabled=False):
            wide = tokens.to(torch.promote_types(tokens.dtype, torch.float32))
            left, right = runs.neighbours(wide)
            step = (right - left) / runs.length[..., None]
            if self.form == "equation8":
                filled = self.filter(left, step, runs.place, runs.longest)
            else:
                interpolant = left + step * runs.place[..., None]
                filled = self.filter(interpolant, None, runs.place, runs.longest)
        return torch.where(visible[..., None], runs.spread(tokens), filled.to(tokens.dtype))

    def discretize(self) -> tuple[Tensor, Tensor]:
        """The filter now in use: A and B of Eq. 8, each (C,) or (C, C)."""
        return self.filter.discretize()


class DiagonalFilter(nn.Module):
    """A' = -exp(a), step = softplus(d), both per channel: 0 < A < 1, the filter never explodes.

    Begins with A' = -1 and a step of 1, which passes a constant on unchanged in the long run.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(channels))
        self.d = nn.Parameter(torch.full((channels,), math.log(math.e - 1)))

    def discretize(self) -> tuple[Tensor, Tensor]:
        """A = exp(step A'), B = (A - 1) / A' (exact zero-order hold, B' = 1), each (C,)."""
        rate = torch.exp(self.a)
        decay = -F.softplus(self.d) * rate
        return torch.exp(decay), -torch.expm1(decay) / rate

    def forward(self, level: Tensor, slope: Tensor | None, place: Tensor, longest: int) -> Tensor:
        """B (S_{j+1} level + H_j slope), (B, L, C), j = `place` (B, L) in 1..`longest`."""
        A, B = (part.to(level.dtype) for part in self.discretize())
        # Sums of positive terms: exact to rounding also where A is nearly 1, unlike a quotient.
        exponents = torch.arange(longest + 1, device=A.device, dtype=A.dtype)
        powers = torch.pow(A, exponents[:, None])
        S = B * powers.cumsum(0)  # row j: B S_{j+1}
        filled = S[place] * level
        if slope is None:
            return filled
        H = F.pad(S.cumsum(0), (0, 0, 1, 0))  # row j: B H_j
        return filled + H[place] * slope


class DenseFilter(nn.Module):
    """A' a full C x C matrix with a negative definite symmetric part, one step: never explodes.

    A' = -(F F^T) + (K - K^T). Begins with A' = -I and a step of 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.eye(channels))
        self.turn = nn.Parameter(torch.zeros(channels, channels))
        self.d = nn.Parameter(torch.tensor(math.log(math.e - 1)))

    def discretize(self) -> tuple[Tensor, Tensor]:
        """A = exp(step A') and B = integral of exp(t A') over a step, each (C, C).

        Both stand in the exponential of [[A', I], [0, 0]]: no inverse of A' is taken.
        """
        rate = self.turn - self.turn.T - self.factor @ self.factor.T
        size = len(rate)
        above = torch.cat([rate, torch.eye(size, dtype=rate.dtype, device=rate.device)], 1)
        both = torch.matrix_exp(F.softplus(self.d) * F.pad(above, (0, 0, 0, size)))
        return both[:size, :size], both[:size, size:]

    def forward(self, level: Tensor, slope: Tensor | None, place: Tensor, longest: int) -> Tensor:
        """B (S_{j+1} level + H_j slope), (B, L, C), j = `place` (B, L) in 1..`longest`.

        Goes through the binary digits of j, lowest first. Where r holds the digits so far and b is
        the next: S_{r+b} = S_r + S_b A^r and H_{r+b} = H_r + b S_r + H_b A^r.
        """
        A, B = (part.to(level.dtype) for part in self.discretize())
        power = A
        S = H = torch.eye(len(A), dtype=A.dtype, device=A.device)
        moved, summed = level, torch.zeros_like(level)  # A^r level, S_r level
        sloped = None if slope is None else _Slope(slope)
        for digit in range(int(longest).bit_length()):
            b = 1 << digit
            here = ((place >> digit) & 1).bool()[..., None]
            summed = torch.where(here, summed + moved @ S.T, summed)
            moved = torch.where(here, moved @ power.T, moved)
            if sloped is not None:
                sloped.add(here, b, power, S, H)
            H = H + b * S + power @ H
            S = S + power @ S
            power = power @ power
        total = level + summed @ A.T  # S_{j+1} = I + A S_j
        if sloped is not None:
            total = total + sloped.sum
        return total @ B.T


class _Slope:
    """H_j slope, digit by digit; needs S_r slope and A^r slope on the way."""

    def __init__(self, slope: Tensor) -> None:
        self.moved = slope
        self.summed = torch.zeros_like(slope)
        self.sum = torch.zeros_like(slope)

    def add(self, here: Tensor, b: int, power: Tensor, S: Tensor, H: Tensor) -> None:
        """The digit b of j, where `here`."""
        self.sum = torch.where(here, self.sum + b * self.summed + self.moved @ H.T, self.sum)
        self.summed = torch.where(here, self.summed + self.moved @ S.T, self.summed)
        self.moved = torch.where(here, self.moved @ power.T, self.moved)
