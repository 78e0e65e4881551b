"""Which class a segment means, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mambamim.catalogue.terminology import term

_WORD = re.compile(r"[a-z]+|\d+")
_LEVEL = re.compile(r"([ctl])(\d{1,2})")  # of a vertebra
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIDES = {
    **dict.fromkeys(("left", "l", "lt", "sin", "sinister", "sinistra", "links", "gauche"), "left"),
    **dict.fromkeys(("right", "r", "rt", "dex", "dexter", "dextra", "rechts", "droit"), "right"),
}
# Latin, German, French and Spanish names, spellings and short forms -> words of our names.
_MEANS = {
    **dict.fromkeys(("hepar", "leber", "foie", "higado", "livers"), "liver"),
    **dict.fromkeys(("lien", "milz", "rate", "bazo", "splen"), "spleen"),
    **dict.fromkeys(("ren", "niere", "rein", "rinon", "kidneys", "nieren"), "kidney"),
    **dict.fromkeys(("gaster", "ventriculus", "magen", "estomac", "estomago"), "stomach"),
    **dict.fromkeys(("oesophagus", "speiserohre", "esofago", "oesophage"), "esophagus"),
    **dict.fromkeys(("bauchspeicheldruse", "pankreas"), "pancreas"),
    **dict.fromkeys(("gallenblase", "cholecyst", "gb"), "gallbladder"),
    **dict.fromkeys(("pulmo", "lunge", "poumon", "pulmon"), "lung"),
    **dict.fromkeys(("cor", "herz", "coeur", "corazon"), "heart"),
    **dict.fromkeys(("milt",), "spleen"),
    **dict.fromkeys(("aorte", "aa"), "aorta"),
    **dict.fromkeys(("bladder", "harnblase", "vesica"), "urinary bladder"),
    **dict.fromkeys(("ivc", "vci"), "inferior vena cava"),
    **dict.fromkeys(("svc",), "superior vena cava"),
    **dict.fromkeys(("suprarenal", "nebenniere"), "adrenal gland"),
    **dict.fromkeys(("adrenal", "adrenals"), "adrenal gland"),
    **dict.fromkeys(("zwolffingerdarm",), "duodenum"),
    **dict.fromkeys(("dunndarm", "intestine"), "small bowel"),
    **dict.fromkeys(("dickdarm", "kolon"), "colon"),
    **dict.fromkeys(("vertebra", "wirbel"), "vertebrae"),
    **dict.fromkeys(("lungs",), "lungs"),
}
_FILLERS = {"the", "of", "segment", "label", "organ", "mask", "roi", "seg", "and", "urinaria"}
_ACCENTS = str.maketrans("áàâäéèêëíîïóôöúûüñçß", "aaaaeeeeiiiooouuuncs")


def propose_class(segment_name: str, snomed_code: str, known_names: Iterable[str]) -> str | None:
    """The class that a segment most likely is: by its name, else by its SNOMED CT code.

    Spelling, order of words, sides ("L kidney"), a running number behind the name, and names in
    other languages do not matter. It is a proposal: a person has the last word.

    Args:
        segment_name: what the segment is called.
        snomed_code: of its terminology's type, "" for none.
        known_names: the classes to choose from; those of `mambamim.catalogue.terminology.TERMS`
            find a name for a new class.

    Returns:
        One of `known_names`, or None where none or several would do.
    """
    known = list(known_names)
    if segment_name in known:
        return segment_name
    wanted = _meaning(segment_name)
    for words in (wanted, _without_number(wanted)):
        named = [name for name in known if words and _meaning(name) == words]
        if len(named) == 1:
            return named[0]
    coded = [name for name in known if snomed_code and term(name).type[0] == snomed_code]
    if len(coded) > 1:
        sides = wanted & {"left", "right"}
        coded = [name for name in coded if _meaning(name) & {"left", "right"} == sides]
    return coded[0] if len(coded) == 1 else None


def _meaning(name: str) -> frozenset[str]:
    """The words that count, in no order."""
    text = _HUMP.sub(" ", name).lower().translate(_ACCENTS)
    text = (
        _LEVEL.sub(lambda found: f" level{found[1]} {found[2]} ", text) if "vert" in text else text
    )
    found: set[str] = set()
    for word in _WORD.findall(text):
        side = _SIDES.get(word)
        found.update([side] if side else _MEANS.get(word, word).split())
    return frozenset(found - _FILLERS)


def _without_number(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words if not word.isdecimal())
