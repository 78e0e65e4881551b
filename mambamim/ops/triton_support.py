"""Where the Triton kernels of this package can run."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

import torch
from torch import Tensor

from mambamim.errors import MissingDependencyError

_OLDEST = (8, 0)  # compute capability; older cards lack what bf16 kernels are compiled to


@functools.cache
def is_capable(index: int) -> bool:
    """Whether a CUDA device is new enough."""
    return torch.cuda.get_device_capability(index) >= _OLDEST


def can_run(like: Tensor) -> bool:
    """Whether a tensor is where kernels run."""
    return like.is_cuda and is_capable(like.device.index)


@functools.cache
def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"mambamim.ops.{name}")
    except MissingDependencyError:
        return None


def kernels(name: str, like: Tensor) -> ModuleType | None:
    """A module of kernels for a tensor.

    Args:
        name: of the module in `mambamim.ops`.
        like: a tensor that the kernels would work on.

    Returns:
        None where the tensor is on no CUDA device that is new enough, or Triton is not installed.
    """
    if not can_run(like):
        return None
    return _module(name)


def is_channels_last(x: Tensor) -> bool:
    """Whether the channels of (B, C, D, H, W) are innermost."""
    return x.is_contiguous(memory_format=torch.channels_last_3d)


def fused_kernels(name: str, x: Tensor) -> ModuleType | None:
    """`kernels` that work on features (B, C, D, H, W) channels-last; None for another layout."""
    return kernels(name, x) if is_channels_last(x) else None


def precision(x: Tensor) -> str:
    """Of float32 matrix products in kernels that stand for a convolution, as torch has it."""
    return "tf32" if torch.backends.cudnn.allow_tf32 and x.is_cuda else "ieee"
