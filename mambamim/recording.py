"""Work of an NVIDIA card recorded as a CUDA graph, to be started as one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")
_WAITS = "called a synchronizing CUDA operation"  # in torch's own words


def record(run: Callable[[], Result], device: torch.device) -> tuple[torch.cuda.CUDAGraph, Result]:
    """Record what `run` gives a card to do; it is not done yet.

    Args:
        run: must have run before, so that its kernels are compiled and chosen.
        device: whose work is recorded, whichever the current one is.

    Returns:
        The graph, and what `run` returned: tensors that each replay fills.

    Raises:
        RuntimeError: `run` waits for the card, or there is too little memory.
    """
    graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device)
    # A stream of this device: by default torch takes one of whichever device recorded first.
    stream = torch.cuda.Stream(device)
    with torch.cuda.device(device):
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = run()
        finally:
            torch.cuda.set_stream(before)  # which a recording that fails leaves undone
    return graph, result


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
