"""How well label maps, or a model, agree with manual labels; and whether one is better."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "CaseScore": "mambamim.evaluation.scores",
    "ClassScore": "mambamim.evaluation.scores",
    "Comparison": "mambamim.evaluation.comparison",
    "Summary": "mambamim.evaluation.summary",
    "compare": "mambamim.evaluation.comparison",
    "score_pair": "mambamim.evaluation.measures",
    "summarise": "mambamim.evaluation.summary",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # Loaded on first use: `mambamim evaluate --help` must not wait for scipy.
    if name not in _HOME:
        raise AttributeError(f"module 'mambamim.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
