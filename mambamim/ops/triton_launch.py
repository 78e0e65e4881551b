"""Triton kernels, started with little of Python's time.

Triton looks at each argument of each call to find what a kernel was compiled to, and for thirty of
them that takes longer than many a kernel does. What decides are dtypes, alignments and numbers; so
here they are looked up at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mambamim.errors import MissingDependencyError

try:
    import triton
    import triton.language as tl
except ImportError as error:
    raise MissingDependencyError(
        "Triton is not installed.", "It comes with torch for CUDA on Linux."
    ) from error

__all__ = ["Entry", "tl", "triton"]
_MOST = 4096  # calls of one kernel that are known, lest they grow with every new shape


class Entry:
    """A kernel that Python starts, `kernel[grid](*arguments, **constants)` as with Triton itself.

    Args:
        kernel: of `triton.jit`; one that is interpreted is called as it is.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._compiles = isinstance(kernel, triton.JITFunction)
        self._known: dict[tuple[Any, ...], tuple[Any, list[Any]]] = {}

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return functools.partial(self._start, grid)

    def _start(self, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        if not self._compiles:
            self._kernel[grid](*arguments, **constants)
            return
        key: list[Any] = [torch.cuda.current_device(), *constants.items()]
        given: list[Any] = []
        for argument in arguments:
            if isinstance(argument, Tensor):
                address = argument.data_ptr()
                key += argument.dtype, address % 16
                given.append(address)
            else:
                key.append(argument)
                given.append(argument)
        known = self._known.get(tuple(key))
        if known is not None:
            compiled, rest = known
            compiled[(*grid, 1, 1)](*given, *rest)
            return
        compiled = self._kernel[grid](*arguments, **constants)
        rest = [constants[name] for name in self._kernel.arg_names[len(arguments) :]]
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[tuple(key)] = compiled, rest
