"""The tissues that a body is painted from.

A tissue map says what a voxel is made of; how bright that is in CT is the painter's business.
"""

from __future__ import annotations

from enum import IntEnum

from mambamim.catalogue.terminology import ABDOMEN_LABELS


class Tissue(IntEnum):
    """What a voxel is made of."""

    AIR = 0
    SKIN = 1
    SUBCUTANEOUS_FAT = 2
    MUSCLE = 3
    VISCERAL_FAT = 4
    BONE = 5  # ribs, pelvis, femurs, sacrum: compact shell, spongy core
    CARTILAGE = 6
    DISC = 7
    SPINAL_CANAL = 8
    VESSEL_ARTERY = 9  # iliac arteries, coeliac trunk, mesenteric arteries
    VESSEL_VEIN = 10  # iliac, hepatic, renal and mesenteric veins
    RENAL_SINUS = 11  # fat and collecting system
    ASCITES = 12
    PROSTATE = 13
    SPLEEN = 21
    KIDNEY_RIGHT = 22
    KIDNEY_LEFT = 23
    GALLBLADDER = 24
    ESOPHAGUS = 25
    LIVER = 26
    STOMACH = 27
    AORTA = 28
    INFERIOR_VENA_CAVA = 29
    PORTAL_VEIN_AND_SPLENIC_VEIN = 30
    PANCREAS = 31
    ADRENAL_GLAND_RIGHT = 32
    ADRENAL_GLAND_LEFT = 33
    DUODENUM = 34
    SMALL_BOWEL = 35
    COLON = 36
    URINARY_BLADDER = 37
    LUNGS = 38
    HEART = 39
    VERTEBRAE = 40


TARGETS = {Tissue[name.upper()]: value for value, name in ABDOMEN_LABELS.items()}
HOLLOW = (
    Tissue.ESOPHAGUS,
    Tissue.STOMACH,
    Tissue.DUODENUM,
    Tissue.SMALL_BOWEL,
    Tissue.COLON,
)
