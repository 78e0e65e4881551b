"""The network on an NVIDIA card: bfloat16, a batch of windows at a time, recorded once.

A network of some hundred small kernels is done sooner than Python can start them. So the first
batch is recorded as a CUDA graph, and all others are one launch each.
"""

from __future__ import annotations

import copy
import logging

import torch
from torch import Tensor, nn

from mambamim.errors import Cancelled
from mambamim.inference.report import Cancel
from mambamim.inference.runtimes import settle
from mambamim.recording import Recording, record

logger = logging.getLogger(__name__)
_MOST_WINDOWS = 8  # at once: cards gain nothing above
_WARM_UPS = 2  # runs before the recording, in which kernels are compiled and chosen


class CudaRuntime:
    """The network in torch on a CUDA card.

    Attributes:
        name: "torch".
        device: where it runs.
    """

    name = "torch"

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        # A copy: where the card is too small, the CPU goes on with the exact weights.
        self.model = settle(copy.deepcopy(model), device)
        round_weights(self.model)
        self._recorded: dict[tuple[int, ...], Recording] = {}
        self._records = True

    def __call__(self, windows: Tensor, cancel: Cancel) -> Tensor:
        """Scores (B, C, D, H, W) in float32 of windows (B, channels, D, H, W); raises Cancelled."""
        if cancel():
            raise Cancelled()
        windows = windows.to(self.device)
        recording = self._recording(windows)
        if recording is None:
            return self._run(windows).float()
        return recording([windows])[: len(windows)].float()

    def batch_size(self, window: Tensor, cancel: Cancel) -> int:
        """From free memory: half of it, measured with one window."""
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        if cancel():
            raise Cancelled()
        self._run(window.to(self.device))
        used = torch.cuda.max_memory_allocated(self.device) - before
        free, _ = torch.cuda.mem_get_info(self.device)
        return int(max(1, min(_MOST_WINDOWS, 0.5 * free / max(used, 1))))

    def _run(self, windows: Tensor) -> Tensor:
        windows = windows.contiguous(memory_format=torch.channels_last_3d)
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16):
            return self.model(windows)

    def _recording(self, windows: Tensor) -> Recording | None:
        """One for at least as many windows, made where there is none; None where it cannot be."""
        count, *shape = windows.shape
        fitting = [key for key in self._recorded if key[0] >= count and list(key[1:]) == shape]
        if fitting:
            return self._recorded[min(fitting)]
        if not self._records:
            return None
        try:
            made = self._record(windows)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:  # networks that look at values while they run
            logger.info("the network is not recorded, it runs step by step: %s", error)
            self._records = False
            return None
        self._recorded[tuple(windows.shape)] = made
        return made

    def _record(self, windows: Tensor) -> Recording:
        beside = torch.cuda.Stream(self.device)
        beside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UPS):
                self._run(windows)
        torch.cuda.current_stream(self.device).wait_stream(beside)
        return record(lambda held: self._run(held[0]), [windows], self.device)


def round_weights(model: nn.Module) -> None:
    """To bfloat16 once, what autocast would round at every use: convolutions and linear layers."""
    for layer in model.modules():
        if isinstance(layer, nn.modules.conv._ConvNd | nn.Linear):
            for weights in layer.parameters(recurse=False):
                weights.data = weights.data.to(torch.bfloat16)
