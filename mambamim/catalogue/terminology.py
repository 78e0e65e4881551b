"""What every class means: SNOMED CT codes as 3D Slicer's terminology lists use them, and a colour.

Names are snake_case, a side is a part of the name (`kidney_right`, `rib_left_7`). The codes are
those of Slicer's "3D Slicer General Anatomy list" and of its TotalSegmentator terminology. The
colours stay close to Slicer's; where two neighbours would look the same there (small bowel and
colon, the two veins), one differs.
"""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass

Code = tuple[str, str]
Colour = tuple[int, int, int]

CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"
ANATOMICAL_STRUCTURE: Code = ("123037004", "Anatomical Structure")
TISSUE: Code = ("85756007", "Tissue")
RIGHT: Code = ("24028007", "Right")
LEFT: Code = ("7771000", "Left")
BOTH: Code = ("51440002", "Right and left")
ANTERIOR: Code = ("255549009", "Anterior")
POSTERIOR: Code = ("255551008", "Posterior")

_BONE: Colour = (241, 214, 145)
_MUSCLE: Colour = (192, 104, 88)
_ARTERY: Colour = (224, 72, 62)
_VEIN: Colour = (0, 151, 206)
_LUNG: Colour = (160, 190, 210)

ABDOMEN_LABELS: dict[int, str] = {
    1: "spleen",
    2: "kidney_right",
    3: "kidney_left",
    4: "gallbladder",
    5: "esophagus",
    6: "liver",
    7: "stomach",
    8: "aorta",
    9: "inferior_vena_cava",
    10: "portal_vein_and_splenic_vein",
    11: "pancreas",
    12: "adrenal_gland_right",
    13: "adrenal_gland_left",
    14: "duodenum",
    15: "small_bowel",
    16: "colon",
    17: "urinary_bladder",
    18: "lungs",
    19: "heart",
    20: "vertebrae",
}


@dataclass(frozen=True)
class Term:
    """What a class is.

    Attributes:
        name: the class, snake_case.
        title: for people, "Right kidney".
        colour: red, green, blue, 0..255.
        category: SNOMED CT code and meaning of its kind, such as anatomical structure.
        type: SNOMED CT code and meaning of the thing itself.
        modifier: SNOMED CT code and meaning of its side or part, None for none.
    """

    name: str
    title: str
    colour: Colour
    category: Code
    type: Code
    modifier: Code | None = None

    def entry(self) -> str:
        """The line that Slicer keeps in a segment's `TerminologyEntry` tag."""
        codes = [
            "^".join(("SCT", *code)) if code else "^^"
            for code in (self.category, self.type, self.modifier)
        ]
        return "~".join([CONTEXT, *codes, ANATOMIC_CONTEXT, "^^", "^^"])


# name -> title, SNOMED CT code, meaning, colour
_SINGLE: dict[str, tuple[str, str, str, Colour]] = {
    "spleen": ("Spleen", "78961009", "Spleen", (172, 120, 190)),
    "gallbladder": ("Gallbladder", "28231008", "Gallbladder", (139, 170, 78)),
    "esophagus": ("Esophagus", "32849002", "Esophagus", (211, 171, 143)),
    "liver": ("Liver", "10200004", "Liver", (221, 130, 101)),
    "stomach": ("Stomach", "69695003", "Stomach", (226, 142, 166)),
    "aorta": ("Aorta", "15825003", "Aorta", _ARTERY),
    "inferior_vena_cava": ("Inferior vena cava", "64131007", "Inferior vena cava", _VEIN),
    "superior_vena_cava": ("Superior vena cava", "48345005", "Superior vena cava", _VEIN),
    "portal_vein_and_splenic_vein": (
        "Portal and splenic vein",
        "110765007",
        "Portal vein and splenic vein",
        (92, 124, 220),
    ),
    "pancreas": ("Pancreas", "15776009", "Pancreas", (249, 190, 96)),
    "duodenum": ("Duodenum", "38848004", "Duodenum", (255, 243, 190)),
    "small_bowel": ("Small bowel", "30315005", "Small Intestine", (122, 196, 166)),
    "colon": ("Colon", "71854001", "Colon", (190, 160, 110)),
    "urinary_bladder": ("Urinary bladder", "89837001", "Urinary bladder", (236, 206, 110)),
    "prostate": ("Prostate", "41216001", "Prostate", (230, 158, 140)),
    "heart": ("Heart", "80891009", "Heart", (206, 84, 96)),
    "pulmonary_vein": ("Pulmonary vein", "122972007", "Pulmonary vein", _VEIN),
    "trachea": ("Trachea", "44567001", "Trachea", (182, 228, 255)),
    "thyroid_gland": ("Thyroid gland", "69748006", "Thyroid", (62, 162, 114)),
    "brain": ("Brain", "12738006", "Brain", (250, 250, 225)),
    "spinal_cord": ("Spinal cord", "2748008", "Spinal cord", (244, 214, 49)),
    "skull": ("Skull", "89546000", "Skull", _BONE),
    "sternum": ("Sternum", "56873002", "Sternum", (244, 217, 154)),
    "sacrum": ("Sacrum", "54735007", "Sacrum", (212, 188, 102)),
    "vertebrae": ("Vertebrae", "51282000", "Vertebra", (240, 236, 206)),
    "ribs": ("Ribs", "113197003", "Rib", (253, 232, 158)),
    "lung_middle_lobe_right": (
        "Middle lobe of right lung",
        "72481006",
        "Middle lobe of right lung",
        _LUNG,
    ),
}

# name without its side -> title, SNOMED CT code, meaning, colour
_PAIRED: dict[str, tuple[str, str, str, Colour]] = {
    "kidney": ("kidney", "64033007", "Kidney", (180, 88, 96)),
    "adrenal_gland": ("adrenal gland", "23451007", "Adrenal gland", (242, 220, 92)),
    "lung": ("lung", "39607008", "Lung", _LUNG),
    "lung_upper_lobe": ("upper lobe of lung", "45653009", "Upper lobe of lung", _LUNG),
    "lung_lower_lobe": ("lower lobe of lung", "90572001", "Lower lobe of lung", (130, 166, 196)),
    "iliac_artery": ("common iliac artery", "73634005", "Common iliac artery", (216, 101, 79)),
    "iliac_vena": ("common iliac vein", "46027005", "Common iliac vein", _VEIN),
    "femur": ("femur", "71341001", "Femur", _BONE),
    "hip": ("hip", "29836001", "Hip", _BONE),
    "humerus": ("humerus", "85050009", "Humerus", _BONE),
    "scapula": ("scapula", "79601000", "Scapula", _BONE),
    "clavicula": ("clavicle", "51299004", "Clavicle", _BONE),
    "gluteus_maximus": (
        "gluteus maximus muscle",
        "181674001",
        "Gluteus maximus muscle",
        (188, 95, 76),
    ),
    "gluteus_medius": ("gluteus medius muscle", "78333006", "Gluteus medius muscle", _MUSCLE),
    "gluteus_minimus": (
        "gluteus minimus muscle",
        "75297007",
        "Gluteus minimus muscle",
        (171, 85, 68),
    ),
    "autochthon": ("deep muscle of back", "244849004", "Deep muscle of back", (178, 105, 76)),
    "iliopsoas": ("iliopsoas muscle", "68455001", "Iliopsoas muscle", (203, 120, 100)),
    "hippocampus": ("hippocampus", "5366008", "Hippocampus", (190, 130, 180)),
}

_VERTEBRAE = {
    "C": "14806007 39976000 113205007 5329002 36978003 36054005 87391001",
    "T": "64864005 53733008 1626008 73071006 56401006 45296009 62487009 11068009 82687006 7610001"
    " 12989004 23215003",
    "L": "66794005 14293000 36470004 11994002 49668003",
}
_RIBS = (
    ("First", "48535007"),
    ("Second", "78247007"),
    ("Third", "25888004"),
    ("Fourth", "25523003"),
    ("Fifth", "15339008"),
    ("Sixth", "59558009"),
    ("Seventh", "24915002"),
    ("Eighth", "5953002"),
    ("Ninth", "22565002"),
    ("Tenth", "77644006"),
    ("Eleventh", "58830002"),
    ("Twelfth", "43993008"),
)


def term(name: str) -> Term:
    """Look a class up.

    Args:
        name: a class name, such as "kidney_right".

    Returns:
        Its term; for a name that is not in `TERMS`, a segment of unspecified tissue in a colour
        that depends on the name alone.
    """
    known = TERMS.get(name)
    if known is not None:
        return known
    hue = zlib.crc32(name.encode()) / 2**32
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.5, 0.88)
    title = " ".join(name.split("_")).strip() or "Segment"
    colour = (round(red * 255), round(green * 255), round(blue * 255))
    return Term(name, title[0].upper() + title[1:], colour, TISSUE, TISSUE)


def _lighter(colour: Colour) -> Colour:
    """The left one of a pair: the same hue, told apart where the two touch."""
    red, green, blue = (round(part + (255 - part) * 0.22) for part in colour)
    return red, green, blue


def _structure(
    name: str, title: str, code: str, meaning: str, colour: Colour, modifier: Code | None = None
) -> Term:
    return Term(name, title, colour, ANATOMICAL_STRUCTURE, (code, meaning), modifier)


def _terms() -> dict[str, Term]:
    terms = [_structure(name, *row) for name, row in _SINGLE.items()]
    for side, modifier in (("right", RIGHT), ("left", LEFT)):
        for base, (title, code, meaning, colour) in _PAIRED.items():
            shade = colour if side == "right" else _lighter(colour)
            words = f"{side.capitalize()} {title}"
            terms.append(_structure(f"{base}_{side}", words, code, meaning, shade, modifier))
        for number, (ordinal, code) in enumerate(_RIBS, start=1):
            words = f"{side.capitalize()} rib {number}"
            rib = (f"rib_{side}_{number}", words, code, f"{ordinal} rib", (253, 232, 158))
            terms.append(_structure(*rib, modifier))
    for base in ("kidney", "adrenal_gland", "hippocampus"):
        title, code, meaning, colour = _PAIRED[base]
        terms.append(_structure(base, title.capitalize(), code, meaning, colour))
    terms.append(_structure("lungs", "Lungs", "39607008", "Lung", _LUNG, BOTH))
    part = ("5366008", "Hippocampus")
    terms.append(
        _structure("hippocampus_anterior", "Anterior hippocampus", *part, (214, 124, 146), ANTERIOR)
    )
    terms.append(
        _structure(
            "hippocampus_posterior", "Posterior hippocampus", *part, (126, 150, 214), POSTERIOR
        )
    )
    for letter, codes in _VERTEBRAE.items():
        for number, code in enumerate(codes.split(), start=1):
            level = f"{letter}{number}"
            name, words = f"vertebrae_{level}", f"{level} vertebra"
            shade = (240, 236, 206) if number % 2 else (222, 206, 160)  # neighbours differ
            terms.append(_structure(name, words, code, words, shade))
    return {item.name: item for item in terms}


TERMS: dict[str, Term] = _terms()
