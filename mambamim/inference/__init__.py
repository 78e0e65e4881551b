"""From a volume to its organs: preprocessing, sliding windows, runtimes, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mambamim.inference.segmenter import Segmenter

__all__ = ["Segmenter"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `mambamim.inference.task` must plan work without loading torch.
    if name == "Segmenter":
        from mambamim.inference.segmenter import Segmenter

        return Segmenter
    raise AttributeError(f"module 'mambamim.inference' has no attribute {name!r}")
