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

Core = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _triton(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    inputs = (u, delta, A, B, C)
    if any(x.dtype == torch.float64 for x in inputs):
        return scan_torch(*inputs)  # the kernels compute in fp32
    return importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton(*inputs)


def _mamba_ssm(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    # The kernel wants one dtype for u, delta, B and C, fp32 for A, and contiguous time.
    parts = (x.contiguous() for x in (u, delta.to(u.dtype), B.to(u.dtype), C.to(u.dtype)))
    u, delta, B, C = parts
    y, state = interface.selective_scan_fn(u, delta, A.float(), B, C, return_last_state=True)
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

    A backend with `half` takes u, B and C in half precision and keeps fp32 states by itself.
    """

    core: Core
    package: str | None = None
    cuda: bool = False
    half: bool = False

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
    "triton": Backend(_triton, package="triton", cuda=True, half=True),
    "mamba_ssm": Backend(_mamba_ssm, package="mamba_ssm", cuda=True, half=True),
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
    dtype = u.dtype
    if dtype in (torch.float16, torch.bfloat16):
        delta = delta.float()
        if not BACKENDS[name].half:
            u, A, B, C = (x.float() for x in (u, A, B, C))  # states need fp32's range
    if delta_bias is not None:
        delta = delta + delta_bias.to(delta.dtype)[:, None]
    if delta_softplus:
        delta = F.softplus(delta)
    y, state = BACKENDS[name].core(u, delta, A, B, C)
    if D is not None:
        y = y + u * D.to(y.dtype)[:, None]
    if z is not None:
        y = y * F.silu(z.to(y.dtype))
    y = y.to(dtype)
    return (y, state) if return_last_state else y


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
