"""Work of an NVIDIA card recorded as a CUDA graph, to be started as one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
_WAITS = "called a synchronizing CUDA operation"  # in torch's own words


@dataclass(frozen=True)
class Recording:
    """A graph with the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    given: list[Tensor]
    made: Tensor

    def __call__(self, given: Sequence[Tensor]) -> Tensor:
        """What the work makes of tensors of the recorded shapes, or of fewer samples.

        It is written over by the next call.
        """
        for mine, theirs in zip(self.given, given, strict=True):
            mine[: len(theirs)].copy_(theirs, non_blocking=True)
        self.graph.replay()
        return self.made

    def fits(self, given: Sequence[Tensor]) -> bool:
        """Whether tensors have the shapes and kinds that were recorded."""
        mine = [(x.shape, x.dtype) for x in self.given]
        return mine == [(x.shape, x.dtype) for x in given]


def record(
    run: Callable[[Sequence[Tensor]], Tensor], given: Sequence[Tensor], device: torch.device
) -> Recording:
    """Record what `run` gives a card to do with tensors like `given`; it is not done yet.

    Args:
        run: must have run before, so that its kernels are compiled and chosen.
        given: on the device; copies of them are what is read.
        device: whose work is recorded, whichever the current one is.

    Raises:
        RuntimeError: `run` waits for the card, or there is too little memory.
    """
    held = [x.clone() for x in given]
    graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device)
    # A stream of this device: by default torch takes one of whichever device recorded first.
    stream = torch.cuda.Stream(device)
    with torch.cuda.device(device):
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                made = run(held)
        finally:
            torch.cuda.set_stream(before)  # which a recording that fails leaves undone
    return Recording(graph, held, made)


def watch_for_waits(run: Callable[[], Result]) -> tuple[Result, bool]:
    """What `run` returns, and whether it waited for a card: then it cannot be recorded."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            result = run()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
    told = [str(one.message) for one in caught]
    for one, message in zip(caught, told, strict=True):
        # All but what is asked for here, and that torch's way to ask for it is a prototype.
        if _WAITS not in message and "Synchronization debug mode" not in message:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return result, any(_WAITS in message for message in told)
