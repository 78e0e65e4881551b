"""The network run over a whole image, window by window."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from monai.data.utils import dense_patch_slices
from monai.inferers import sliding_window_inference
from torch import Tensor

from mambamim.errors import Cancelled, OutOfMemoryError
from mambamim.inference.report import Cancel
from mambamim.inference.runtimes import Runtime

logger = logging.getLogger(__name__)
OnWindows = Callable[[int], None]


def count_windows(shape: tuple[int, ...], patch: tuple[int, ...], overlap: float) -> int:
    """Windows that `predict` runs for an image of `shape`."""
    padded = [max(n, p) for n, p in zip(shape, patch, strict=True)]
    interval = [
        max(1, int(p * (1 - overlap))) if n > p else p for n, p in zip(padded, patch, strict=True)
    ]
    return len(dense_patch_slices(padded, patch, interval))


def predict(
    image: Tensor,
    runtime: Runtime,
    patch: tuple[int, int, int],
    num_classes: int,
    overlap: float,
    on_windows: OnWindows,
    cancel: Cancel,
    exclusive: bool = True,
) -> Tensor:
    """Scores of an image, averaged over overlapping windows with Gaussian weights.

    Windows without tissue (all at the lower end of the intensity window) are not run: they are
    background.

    Args:
        image: (1, C, D, H, W), intensities in 0..1, on the device that shall hold the scores.
        runtime: what runs the network.
        patch: window size in voxels.
        num_classes: channels of the network's output.
        overlap: share of a window that the next one covers again, 0 to below 1.
        on_windows: told how many more windows are done.
        cancel: asked all the time; True raises Cancelled.
        exclusive: whether the first class is background; else all are regions, found above 0.

    Returns:
        (num_classes, D, H, W), float32.

    Raises:
        Cancelled: `cancel` said so.
        OutOfMemoryError: not even one window fits.
    """

    def run(windows: Tensor) -> Tensor:
        scores = _window_scores(windows, runtime, num_classes, exclusive, cancel)
        on_windows(len(windows))
        return scores

    window = image.new_zeros(1, image.shape[1], *patch)
    batch = runtime.batch_size(window, cancel)
    while True:
        try:
            return sliding_window_inference(
                image, patch, batch, run, overlap=overlap, mode="gaussian", sigma_scale=0.125,
                device=image.device, sw_device=image.device, progress=False,
            )[0]  # fmt: skip
        except torch.cuda.OutOfMemoryError as error:
            batch = _smaller(batch, error)


def _window_scores(
    windows: Tensor, runtime: Runtime, num_classes: int, exclusive: bool, cancel: Cancel
) -> Tensor:
    """Scores (B, num_classes, ...) of windows; a tensor of its own, for it is weighted in place."""
    if cancel():
        raise Cancelled()
    tissue = (windows > 0).flatten(1).any(1)[:, None, None, None, None]
    shape = (len(windows), num_classes, *windows.shape[2:])
    air = windows.new_zeros(shape) if exclusive else windows.new_full(shape, -1.0)
    if exclusive:
        air[:, 0] = 1.0
    if not tissue.any():
        return air
    scores = runtime(windows, cancel).to(windows.device)
    return scores if tissue.all() else torch.where(tissue, scores, air)


def _smaller(batch: int, error: torch.cuda.OutOfMemoryError) -> int:
    """Half as many windows at once; raises OutOfMemoryError where one was too many."""
    torch.cuda.empty_cache()
    if batch == 1:
        raise OutOfMemoryError(
            "The graphics card has too little free memory for one window of the network.",
            "Close other programs that use it, or use device cpu.",
        ) from error
    logger.warning("graphics memory is short: %d windows at once from here", batch // 2)
    return batch // 2
