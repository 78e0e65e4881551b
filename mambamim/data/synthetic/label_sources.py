"""From the values of three public kinds of label maps to paint maps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mambamim.data.synthetic.materials import Material
from mambamim.data.tissues import Tissue

T, M = Tissue, Material
ATLAS_SPACING = (1.406, 1.406, 3.0)  # mm; the file's own would make a liver of 240 ml
_ATLAS_PLANES = (2, 101)  # beyond, whole organs are missing
_ATLAS_PANCREAS = 56  # planes below: the vein is the mesenteric one, which other maps end early
_ATLAS_S1 = 15  # planes of the sacrum from here up may be S1


def _table(length: int, rows: dict[Tissue | Material, Iterable[int]]) -> np.ndarray:
    table = np.zeros(length, np.uint8)
    for material, values in rows.items():
        table[list(values)] = material
    return table


# Values as TotalSegmentator's `total` task has them. Discs are silent there, as is the fat of a
# kidney's sinus.
_TOTAL = _table(
    256,
    {
        T.SPLEEN: [1],
        T.KIDNEY_RIGHT: [2],
        T.KIDNEY_LEFT: [3],
        T.GALLBLADDER: [4],
        T.LIVER: [5],
        T.STOMACH: [6],
        T.PANCREAS: [7],
        T.ADRENAL_GLAND_RIGHT: [8],
        T.ADRENAL_GLAND_LEFT: [9],
        T.LUNGS: range(10, 15),
        T.ESOPHAGUS: [15],
        M.AIRWAY: [16],
        M.GLAND: [17],
        T.SMALL_BOWEL: [18],
        T.DUODENUM: [19],
        T.COLON: [20],
        T.URINARY_BLADDER: [21],
        T.PROSTATE: [22],
        M.RENAL_PELVIS_LEFT: [23],  # a cyst: other maps count it with the kidney
        M.RENAL_PELVIS_RIGHT: [24],
        T.BONE: [25, *range(69, 79), *range(91, 117)],
        T.VERTEBRAE: range(26, 51),
        T.HEART: [51, 61],
        T.AORTA: [52],
        T.VESSEL_VEIN: [53, 59, 60, 62, 67, 68],
        T.VESSEL_ARTERY: [54, 55, 56, 57, 58, 65, 66],
        T.INFERIOR_VENA_CAVA: [63],
        T.PORTAL_VEIN_AND_SPLENIC_VEIN: [64],
        T.SPINAL_CANAL: [79, 90],
        T.MUSCLE: range(80, 90),
        T.CARTILAGE: [117],
    },
)
# Values as TotalSegmentator's `total_mr` task has them, those of an upper abdomen. Ribs are silent.
_TOTAL_MR = _table(
    256,
    {
        T.SPLEEN: [1],
        T.KIDNEY_RIGHT: [2],
        T.KIDNEY_LEFT: [3],
        T.GALLBLADDER: [4],
        T.LIVER: [5],
        T.STOMACH: [6],
        T.PANCREAS: [7],
        T.ADRENAL_GLAND_RIGHT: [8],
        T.ADRENAL_GLAND_LEFT: [9],
        T.LUNGS: [10, 11],
        T.ESOPHAGUS: [12],
        T.SMALL_BOWEL: [13],
        T.DUODENUM: [14],
        T.COLON: [15],
        T.VERTEBRAE: [19],
        T.DISC: [20],
        T.SPINAL_CANAL: [21],
        T.HEART: [22],
        T.AORTA: [23],
        T.INFERIOR_VENA_CAVA: [24],
        T.PORTAL_VEIN_AND_SPLENIC_VEIN: [25],
        T.MUSCLE: range(46, 50),
    },
)
# Values of the SPL abdominal atlas, 2015, as their places and shapes tell: it has no lungs, heart,
# oesophagus or bladder, which are silent.
_ATLAS = _table(
    1000,
    {
        T.LIVER: [3],
        T.SPLEEN: [4],
        T.PANCREAS: [6],
        T.AORTA: [7],
        T.INFERIOR_VENA_CAVA: [8],
        M.BOWEL: [9],
        T.GALLBLADDER: [10],
        T.PORTAL_VEIN_AND_SPLENIC_VEIN: [12, 117],
        M.STOMACH_WITH_DUODENUM: [13],
        T.VESSEL_ARTERY: [*range(16, 24), 29, *range(71, 77), 126, 127, 227],
        M.LIVER_VESSEL: [24, 25, 151, 153],
        T.KIDNEY_RIGHT: [51],
        T.KIDNEY_LEFT: [52],
        T.VESSEL_VEIN: [*range(81, 87), 128, 129],
        T.ADRENAL_GLAND_RIGHT: [111],
        T.ADRENAL_GLAND_LEFT: [112],
        T.MUSCLE: [32, 131, 231, 133, 233, *range(135, 144), *range(235, 242)],
        M.RENAL_PELVIS_RIGHT: [145],
        M.RENAL_PELVIS_LEFT: [146],
        T.BONE: [299, 600, *range(686, 693), 699],
        T.VERTEBRAE: [*range(409, 413), *range(501, 506)],
        T.DISC: range(551, 560),
    },
)


def paint_from_total(labels: np.ndarray) -> np.ndarray:
    """(D, H, W) values of TotalSegmentator -> uint8 of `Tissue` and `Material`."""
    return _TOTAL[labels.astype(np.uint8)]


def paint_from_total_mr(labels: np.ndarray) -> np.ndarray:
    """(D, H, W) values of TotalSegmentator for MR -> uint8 of `Tissue` and `Material`."""
    return _TOTAL_MR[labels.astype(np.uint8)]


def paint_from_atlas(labels: np.ndarray) -> np.ndarray:
    """(D, H, W) values of the SPL atlas -> uint8 of `Tissue` and `Material`.

    Planes that lack whole organs are cut off.
    """
    paint = _ATLAS[labels.astype(np.int64)]
    low = paint[:, :, :_ATLAS_PANCREAS]
    low[labels[:, :, :_ATLAS_PANCREAS] == 12] = Material.MESENTERIC_VEIN
    top = paint[:, :, _ATLAS_S1:]
    top[labels[:, :, _ATLAS_S1:] == 600] = Material.UPPER_SACRUM
    return paint[:, :, slice(*_ATLAS_PLANES)]
