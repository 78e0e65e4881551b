"""Numbers that make each network small enough to be trained within a test."""

from __future__ import annotations

TINY: dict[str, dict] = {
    "hymamba": {"stem": 4, "channels": [6, 8, 10, 12], "layers": 1},
    "hymamba_cnn": {"stem": 4, "channels": [6, 8, 10, 12]},
    "hymamba_paper": {"stem": 4, "channels": [6, 8, 10, 12], "layers": 1},
    "hymamba_small": {"channels": [4, 6, 8, 10, 12], "layers": 1},
    "vanilla_mamba": {"width": 12, "layers": 4, "taps": [1, 2, 3], "channels": [2, 4, 6, 8]},
}
