"""MambaMIM: pre-training state space networks by masked image modelling, and organs in CT.

Names load on first use, so that `import mambamim` is light and its `jobs` and `catalogue` work
where torch is not installed.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MambaMIM": "mambamim.pretraining",
    "Reconstructor": "mambamim.pretraining.reconstruction",
    "Segmenter": "mambamim.inference",
    "TOKI": "mambamim.pretraining",
    "build_model": "mambamim.models",
    "convert_reference_state_dict": "mambamim.models",
    "load_checkpoint": "mambamim.checkpoints",
    "save_checkpoint": "mambamim.checkpoints",
    "scan_order": "mambamim.ops",
    "selective_scan": "mambamim.ops",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mambamim' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
