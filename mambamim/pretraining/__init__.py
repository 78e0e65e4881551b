"""Pre-training by masked image modelling: masks, TOKI, hybrid decoder, MambaMIM."""

from mambamim.pretraining.backbone import check_backbone
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masking import draw_visible
from mambamim.pretraining.toki import TOKI
from mambamim.pretraining.transfer import start_from

__all__ = ["TOKI", "MambaMIM", "check_backbone", "draw_visible", "start_from"]
