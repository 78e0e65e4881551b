"""What runs the network on windows: torch on any device.

OpenVINO and CUDA cards have files of their own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.report import Cancel

logger = logging.getLogger(__name__)


class Runtime(Protocol):
    """Runs a network on windows."""

    name: str
    device: torch.device

    def __call__(self, windows: Tensor, cancel: Cancel) -> Tensor:
        """Scores (B, C, D, H, W) in float32 of windows (B, channels, D, H, W); raises Cancelled."""
        ...

    def batch_size(self, window: Tensor, cancel: Cancel) -> int:
        """How many windows like `window` (1, channels, D, H, W) to give at once."""
        ...


class TorchRuntime:
    """The network in torch, in float32: on the CPU and on Apple's GPU.

    Attributes:
        name: "torch".
        device: where it runs.
    """

    name = "torch"

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        self.model = settle(model, device)

    def __call__(self, windows: Tensor, cancel: Cancel) -> Tensor:
        """Scores of windows; `cancel` is asked before every layer, for windows may take seconds."""
        windows = windows.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        # Not inference_mode: scores are weighted in place by who asked for them.
        with torch.no_grad(), stopping(self.model, cancel):
            return self.model(windows).float()

    def batch_size(self, window: Tensor, cancel: Cancel) -> int:
        """One: more at once gain nothing here."""
        return 1


def settle(model: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device, ready to be run there."""
    model = model.eval().to(device)
    # Channels last is what the CPU's and the tensor cores' convolutions want.
    for weights in model.parameters():
        if weights.dim() == 5:
            weights.data = weights.data.contiguous(memory_format=torch.channels_last_3d)
    return model


def precision(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """The arithmetic of a device: bfloat16 on CUDA, float32 elsewhere."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def stopping(model: nn.Module, cancel: Cancel) -> Iterator[None]:
    """Makes every layer of `model` ask `cancel` first; True raises Cancelled."""

    def ask(*_: object) -> None:
        if cancel():
            raise Cancelled()

    hooks = [
        layer.register_forward_pre_hook(ask)
        for layer in model.modules()
        if not next(layer.children(), None)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def choose_device(asked: str) -> torch.device:
    """The torch device for "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        BadInputError: the device is not one of these or not there.
    """
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise BadInputError(
            f"There is no device {asked!r}.", "Use auto, cpu, cuda or mps."
        ) from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise BadInputError(f"The device {asked!r} is not on this computer.", "Use auto or cpu.")
    return device
