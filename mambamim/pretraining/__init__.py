"""Pre-training by masked image modelling: masks, TOKI, hybrid decoder, MambaMIM."""

from mambamim.pretraining.masking import draw_visible
from mambamim.pretraining.toki import TOKI

__all__ = ["TOKI", "draw_visible"]
