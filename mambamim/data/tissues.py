"""The tissues that a body is drawn in and painted from.

A tissue map says what a voxel is made of; how bright that is in CT is the painter's business. One
list serves procedural bodies and real label maps alike.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

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

_TO_LABEL = np.zeros(max(Tissue) + 1, np.uint8)
for _tissue, _value in TARGETS.items():
    _TO_LABEL[_tissue] = _value


def labels_of(tissues: np.ndarray) -> np.ndarray:
    """The label map of a tissue map of any shape: values of `ABDOMEN_LABELS`, uint8.

    Fat and urine in a kidney's hilum are background, as in the field's label maps.
    """
    return _TO_LABEL[tissues]
