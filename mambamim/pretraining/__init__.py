"""Pre-training by masked image modelling: masks, TOKI, hybrid decoder, MambaMIM.

Names load on first use, so that settings can be read where torch is not installed.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "MambaMIM": "mambamim.pretraining.mambamim",
    "TOKI": "mambamim.pretraining.toki",
    "check_backbone": "mambamim.pretraining.backbone",
    "draw_visible": "mambamim.pretraining.masking",
    "start_from": "mambamim.pretraining.transfer",
}

__all__ = ["TOKI", "MambaMIM", "check_backbone", "draw_visible", "start_from"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mambamim.pretraining' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
