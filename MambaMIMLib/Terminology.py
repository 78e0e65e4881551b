"""Says in Slicer's own words what a segment is: SNOMED CT codes and colour."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mambamim.catalogue.terminology import TERMS, Term, term
from mambamim.checkpoint_header import read_header
from mambamim.errors import CheckpointError


def apply(segment: Any, meaning: Term) -> None:
    """Give a vtkSegment its terminology entry, name and colour.

    The entry is what the Segment Editor shows when the name is double-clicked, and what DICOM
    export writes.
    """
    segment.SetTag(segment.GetTerminologyEntryTagName(), meaning.entry())
    segment.SetName(meaning.title)
    segment.SetColor(*(part / 255 for part in meaning.colour))


def termsOf(names: Iterable[str], checkpoint: str | Path | None = None) -> dict[str, Term]:
    """Class name -> what it is.

    Args:
        names: of the classes.
        checkpoint: the model's file, whose header knows the classes that only it has. One that is
            gone meanwhile is no error: those classes then are segments of unspecified tissue.
    """
    names = list(names)
    own = _ownTerms(checkpoint) if any(name not in TERMS for name in names) else {}
    return {name: own.get(name) or term(name) for name in names}


def _ownTerms(checkpoint: str | Path | None) -> dict[str, Term]:
    if checkpoint is None:
        return {}
    try:
        written = read_header(Path(checkpoint)).terms
    except CheckpointError:
        return {}
    return {name: _term(name, facts) for name, facts in written.items() if name not in TERMS}


def _term(name: str, facts: dict[str, Any]) -> Term:
    known = term(name)
    codes = {key: tuple(facts[key]) for key in ("category", "type", "modifier") if facts.get(key)}
    return Term(
        name=name,
        title=facts.get("title") or known.title,
        colour=tuple(facts.get("colour") or known.colour),
        category=codes.get("category", known.category),
        type=codes.get("type", known.type),
        modifier=codes.get("modifier"),
    )
