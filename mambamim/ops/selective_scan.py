"""Selective scan: one function, several backends that agree.

Shapes and meaning are those of mamba_ssm's `selective_scan_fn`. `backend="auto"` takes
kernels for GPUs where they are installed and the tensors are on a CUDA device, Triton's before
compiled ones, and plain torch, which needs no compiler, everywhere else.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.ops.selective_scan_reference import scan_reference
from mambamim.ops.selective_scan_torch import scan_static, scan_torch
from mambamim.ops.triton_support import is_capable

# Of u, delta, A, B and C, or where `Backend.whole` of all that `selective_scan` is given.
Core = Callable[..., tuple[Tensor, Tensor | None]]
_MOST_STATES = 32  # of a channel, in Triton's kernels


def _triton(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    delta_bias: Tensor | None, delta_softplus: bool, return_last_state: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    given = (u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    # The kernels compute in fp32, and each state has instructions of its own.
    if u.dtype == torch.float64 or A.shape[1] > _MOST_STATES:
        return _composed(scan_torch, *given)
    kernels = importlib.import_module("mambamim.ops.selective_scan_triton")
    return kernels.scan_triton(*given, return_last_state)


def _mamba_ssm(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
    delta_bias: Tensor | None, delta_softplus: bool, return_last_state: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    # The kernel wants one dtype for all that has a time, fp32 for the others, contiguous time.
    timed = [x if x is None else x.to(u.dtype).contiguous() for x in (u, delta, B, C, z)]
    fixed = [x if x is None else x.float() for x in (A, D, delta_bias)]
    u, delta, B, C, z = timed  # type: ignore[assignment]
    found = interface.selective_scan_fn(
        u, delta, fixed[0], B, C, fixed[1], z, fixed[2], delta_softplus, return_last_state
    )
    return found if return_last_state else (found, None)


def _composed(
    core: Core, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None,
    z: Tensor | None, delta_bias: Tensor | None, delta_softplus: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """What is before and after the recurrence, as operations of their own."""
    if u.dtype in (torch.float16, torch.bfloat16):
        u, delta, A, B, C = (x.float() for x in (u, delta, A, B, C))  # states need fp32's range
    if delta_bias is not None:
        delta = delta + delta_bias.to(delta.dtype)[:, None]
    if delta_softplus:
        delta = F.softplus(delta)
    y, state = core(u, delta, A, B, C)
    if D is not None:
        y = y + u * D.to(y.dtype)[:, None]
    if z is not None:
        y = y * F.silu(z.to(y.dtype))
    return y, state


@functools.cache
def _import_error(package: str) -> str:
    """What hinders the import of `package`, or an empty string; asked once, as it is slow."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Backend:
    """One way to run the scan: `package` must be importable, `cuda` means CUDA tensors only.

    A backend that is `whole` takes all arguments, in half precision too, and keeps fp32 states by
    itself; the last of them it need not give where it is not asked for.
    """

    core: Core
    package: str | None = None
    cuda: bool = False
    whole: bool = False

    def reason_against(self, device: torch.device | None = None) -> str:
        """Why it cannot run (on `device`), or an empty string where it can."""
        if self.cuda and not torch.cuda.is_available():
            return "no CUDA device"
        if self.cuda and device is not None and device.type != "cuda":
            return f"the tensors are on the {device.type}"
        if self.package == "triton" and not is_capable(
            device.index or 0 if device is not None else 0
        ):
            return "the CUDA device is too old for its kernels"
        if self.package and (error := _import_error(self.package)):
            return f"{self.package} cannot be imported ({error})"
        return ""


# In order of preference.
BACKENDS: dict[str, Backend] = {
    "triton": Backend(_triton, package="triton", cuda=True, whole=True),
    "mamba_ssm": Backend(_mamba_ssm, package="mamba_ssm", cuda=True, whole=True),
    "torch": Backend(scan_torch),
    "static": Backend(scan_static),
    "reference": Backend(scan_reference),
}


def choose_backend(device: torch.device) -> str:
    """The backend `auto` takes for tensors on `device`."""
    if torch.jit.is_tracing() or torch.compiler.is_exporting():
        return "static"  # the only one without Python state or in-place writes
    return next(name for name, backend in BACKENDS.items() if not backend.reason_against(device))


def describe_backends() -> dict[str, str]:
    """Each backend with 'ready' or the reason why not, and under 'auto' the choice and why."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = {name: b.reason_against(device) or "ready" for name, b in BACKENDS.items()}
    chosen = choose_backend(device)
    passed = "; ".join(f"{name}: {why}" for name, why in found.items() if why != "ready")
    found["auto"] = f"{chosen} on {device.type}" + (f" ({passed})" if passed else "")
    return found


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
    backend: str = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Selective state-space scan (Mamba, Gu and Dao 2023, Eq. 2 with zero-order hold on A).

    h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t;  y_t = C_t h_t + D u_t;  result: y silu(z).

    Args:
        u: input, (B, E, L).
        delta: step sizes, (B, E, L).
        A: decay, (E, N), negative.
        B: input weights, (B, N, L).
        C: output weights, (B, N, L).
        D: direct path, (E,).
        z: gate, (B, E, L).
        delta_bias: added to `delta`, (E,).
        delta_softplus: pass `delta` (and its bias) through softplus.
        return_last_state: also return h_L.
        backend: "auto", "triton", "mamba_ssm", "torch", "static" (for export) or "reference".

    Returns:
        y (B, E, L) in u's dtype, and with `return_last_state` the state (B, E, N).

    Raises:
        BadInputError: shapes do not fit, or no such backend.
        MissingDependencyError: the asked backend cannot run here.
    """
    _check_shapes(u, delta, A, B, C)
    name = choose_backend(u.device) if backend == "auto" else backend
    if name not in BACKENDS:
        raise BadInputError(
            f"There is no scan backend {name!r}.", f"Choose of {', '.join(BACKENDS)}."
        )
    if why := BACKENDS[name].reason_against(u.device):
        raise MissingDependencyError(f"The scan backend {name!r} cannot run: {why}.", 'Use "auto".')
    dtype, found = u.dtype, BACKENDS[name]
    arguments = (u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    if found.whole:
        y, state = found.core(*arguments, return_last_state)
    else:
        y, state = _composed(found.core, *arguments)
    if not return_last_state:
        return y.to(dtype)
    assert state is not None
    return y.to(dtype), state


def _check_shapes(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> None:
    """Names the first tensor whose shape does not fit; a wrong one would broadcast to nonsense."""
    if u.dim() != 3 or A.dim() != 2:
        raise BadInputError(
            f"u must be (B, E, L) and A (E, N), not {tuple(u.shape)}, {tuple(A.shape)}."
        )
    batch, width, length = u.shape
    states = A.shape[1]
    wanted = {
        "delta": (delta, (batch, width, length)),
        "A": (A, (width, states)),
        "B": (B, (batch, states, length)),
        "C": (C, (batch, states, length)),
    }
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != shape:
            raise BadInputError(
                f"{name} must be {shape} beside u {tuple(u.shape)}, not {tuple(tensor.shape)}."
            )
