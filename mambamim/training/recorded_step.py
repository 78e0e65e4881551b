"""Forward and backward of a batch on an NVIDIA card, recorded once and then one launch each.

A step of a small network is some thousand kernels, which a card is done with sooner than Python
can start them. What is recorded is a CUDA graph of the loss and its gradients; optimizer and
averages stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mambamim.recording import Recording, record, watch_for_waits

logger = logging.getLogger(__name__)
# Steps in which kernels are compiled and chosen, and in which memory shows what it needs.
WARM_UPS = 2

Run = Callable[[Sequence[Tensor]], Tensor]


class RecordedStep:
    """Adds the gradients of batches to those of the parameters, from a recording where it can.

    The first batches run as they are; then one is recorded, if there is room: its memory is its
    own, so that what else a training does, such as validating, must find as much beside it.

    Args:
        device: where the network is.
        alone: False where other processes wait for its gradients: nothing is recorded.
    """

    def __init__(self, device: torch.device, alone: bool) -> None:
        self._device = device
        self._recording: Recording | None = None
        self._left = WARM_UPS if alone and device.type == "cuda" else 0  # batches before it

    def __call__(self, run: Run, given: Sequence[Tensor]) -> Tensor:
        """The loss of a batch, detached.

        Args:
            run: gives the loss of a batch and calls `backward`; the same each time.
            given: the batch.
        """
        if self._recording is None or not self._recording.fits(given):
            if self._left:
                return self._warm_up(run, given)
            return run(given).detach()
        return self._recording(given).clone()

    @property
    def keeps_gradients(self) -> bool:
        """Whether gradients must stay where they are, and are filled with zeros before a step."""
        return self._recording is not None

    def _warm_up(self, run: Run, given: Sequence[Tensor]) -> Tensor:
        self._left -= 1
        if self._left:
            return run(given).detach()
        torch.cuda.reset_peak_memory_stats(self._device)
        loss, waits = watch_for_waits(lambda: run(given).detach())
        if waits:
            logger.info("steps are not recorded: the network waits for what the card finds")
        elif not self._has_room():
            logger.info("steps are not recorded: there is too little memory beside them")
        else:
            self._record(run, given)
        return loss

    def _record(self, run: Run, given: Sequence[Tensor]) -> None:
        """After a batch: what got a gradient from it has one, to which the recording will add."""
        torch.cuda.empty_cache()
        try:
            self._recording = record(lambda held: run(held).detach(), given, self._device)
        except RuntimeError as error:  # too little memory, or what none may do while recording
            logger.info("steps are not recorded, they run one kernel after the other: %s", error)
            torch.cuda.empty_cache()

    def _has_room(self) -> bool:
        """Whether as much memory as the last step took is left beside what it left."""
        taken = torch.cuda.memory_allocated(self._device)
        step = torch.cuda.max_memory_allocated(self._device) - taken
        free = torch.cuda.mem_get_info(self._device)[0]
        kept = torch.cuda.memory_reserved(self._device) - taken  # by torch, and in use by nothing
        return free + kept > 2 * step
