"""What a voxel of a real label map is painted as, and what a network may call it there.

Label maps from elsewhere merge organs or name what no class of ours is. `Tissue` goes on here with
materials that are painted like one of its members, but whose label leaves a choice open.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.class_sets import ClassSets
from mambamim.data.tissues import TARGETS, Tissue

SILENT = 0  # the label map says nothing: fat, muscle, skin, air or whatever is drawn there
VALUES = 64  # length of a table by material


class Material(IntEnum):
    """Values of a paint map above those of `Tissue`."""

    RENAL_PELVIS_RIGHT = 41
    RENAL_PELVIS_LEFT = 42
    STOMACH_WITH_DUODENUM = 43
    BOWEL = 44  # small bowel, duodenum or colon
    LIVER_VESSEL = 45  # drawn apart, inside the liver
    MESENTERIC_VEIN = 46  # goes on as the portal vein
    UPPER_SACRUM = 47  # S1 in it is a vertebra in other label maps
    AIRWAY = 48
    GLAND = 49  # the thyroid's
    MASS = 50  # uterus or tumour, drawn where no map has one


PAINTED_AS: dict[Material, Tissue] = {
    Material.RENAL_PELVIS_RIGHT: Tissue.RENAL_SINUS,
    Material.RENAL_PELVIS_LEFT: Tissue.RENAL_SINUS,
    Material.STOMACH_WITH_DUODENUM: Tissue.STOMACH,
    Material.BOWEL: Tissue.COLON,
    Material.LIVER_VESSEL: Tissue.VESSEL_VEIN,
    Material.MESENTERIC_VEIN: Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN,
    Material.UPPER_SACRUM: Tissue.BONE,
}
_OPEN: dict[int, tuple[Tissue, ...]] = {  # classes that a material may be; AIR: background
    Material.BOWEL: (Tissue.DUODENUM, Tissue.SMALL_BOWEL, Tissue.COLON),
    Material.STOMACH_WITH_DUODENUM: (Tissue.STOMACH, Tissue.DUODENUM),
    Material.RENAL_PELVIS_RIGHT: (Tissue.AIR, Tissue.KIDNEY_RIGHT),
    Material.RENAL_PELVIS_LEFT: (Tissue.AIR, Tissue.KIDNEY_LEFT),
    Material.LIVER_VESSEL: (Tissue.AIR, Tissue.LIVER),
    Material.MESENTERIC_VEIN: (Tissue.AIR, Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN),
    Material.UPPER_SACRUM: (Tissue.AIR, Tissue.VERTEBRAE),
}


def _classes(tissues: tuple[Tissue, ...]) -> tuple[int, ...]:
    return tuple(sorted(TARGETS.get(tissue, 0) for tissue in tissues))


SETS = ClassSets(len(ABDOMEN_LABELS) + 1, tuple(_classes(open_) for open_ in _OPEN.values()))


def label_table() -> np.ndarray:
    """(VALUES,) uint8: the label of every material, a value of `SETS`."""
    table = np.zeros(VALUES, np.uint8)
    for tissue, value in TARGETS.items():
        table[tissue] = value
    for material, tissues in _OPEN.items():
        table[material] = SETS.value(_classes(tissues))
    return table


def paint_table() -> np.ndarray:
    """(VALUES,) uint8: the value whose looks every material has."""
    table = np.arange(VALUES, dtype=np.uint8)
    for material, tissue in PAINTED_AS.items():
        table[material] = tissue
    return table
