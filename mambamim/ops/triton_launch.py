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

__all__ = ["Entry", "Launch", "tl", "triton"]
_MOST = 4096  # of what is known, lest it grows with every new shape


class Launch:
    """A kernel with its grid and constants, to be given the other arguments.

    All tensors among these come first, and there are as many in every call.

    Args:
        kernel: of `triton.jit`; one that is interpreted is called as it is.
        grid: number of programs, up to three axes.
        constants: by name, and options of Triton's such as num_warps.
    """

    def __init__(self, kernel: Any, grid: tuple[int, ...], constants: dict[str, Any]) -> None:
        self._kernel, self._grid, self._constants = kernel, grid, constants
        # AMD's compiler looks at more of a tensor than is looked up here.
        self._looks_up = isinstance(kernel, triton.JITFunction) and torch.version.hip is None
        self._tensors: int | None = None
        self._rest: list[Any] = []  # constants as the compiled kernel takes them
        self._known: dict[tuple[Any, ...], Callable[..., None]] = {}

    def __call__(self, *arguments: Any) -> None:
        """Starts it on the current device."""
        if self._tensors is None:
            self._look_at(arguments)
        if not self._looks_up:
            self._check(arguments)
            self._kernel[self._grid](*arguments, **self._constants)
            return
        tensors, numbers = arguments[: self._tensors], arguments[self._tensors :]
        addresses = [x.data_ptr() for x in tensors]
        # Devices too: an address does not tell that a tensor is where no kernel can read it.
        key = (
            torch.cuda.current_device(), *[x.get_device() for x in tensors],
            *[x.dtype for x in tensors], *[address % 16 for address in addresses],
            *numbers, *map(type, numbers),
        )  # fmt: skip
        start = self._known.get(key)
        if start is not None:
            start(*addresses, *numbers, *self._rest)
            return
        self._check(arguments)
        compiled = self._kernel[self._grid](*arguments, **self._constants)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = compiled[(*self._grid, 1, 1)]

    def _look_at(self, arguments: tuple[Any, ...]) -> None:
        """At the first call."""
        self._tensors = sum(isinstance(argument, Tensor) for argument in arguments)
        self._check(arguments)
        names = self._kernel.arg_names[len(arguments) :]
        self._rest = [self._constants[name] for name in names]

    def _check(self, arguments: tuple[Any, ...]) -> None:
        are = [isinstance(argument, Tensor) for argument in arguments]
        if not all(are[: self._tensors]) or any(are[self._tensors :]):
            raise TypeError(f"The first {self._tensors} arguments must be tensors, and no others.")


class Entry:
    """A kernel that Python starts, `kernel[grid](*arguments, **constants)` as with Triton itself.

    See `Launch` for what `arguments` may be.

    Args:
        kernel: of `triton.jit`.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._launches: dict[tuple[Any, ...], Launch] = {}

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return functools.partial(self._start, grid)

    def launch(self, grid: tuple[int, ...], **constants: Any) -> Launch:
        """To be kept by who calls again and again."""
        return Launch(self._kernel, grid, constants)

    def _start(self, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        key = (grid, *constants, *constants.values())
        launch = self._launches.get(key)
        if launch is None:
            if len(self._launches) >= _MOST:
                self._launches.clear()
            launch = self._launches[key] = self.launch(grid, **constants)
        launch(*arguments)
