"""What a segmentation of the scene holds, as the mapping to classes needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import vtk

_TYPE = 2  # place of the type in a terminology entry, after the context and the category


@dataclass(frozen=True)
class SegmentFacts:
    """A segment.

    Attributes:
        id: in its segmentation.
        name: as the user sees it.
        code: SNOMED CT code of what it is, empty where nobody said.
        side: "right" or "left" where its terminology says so, else empty.
        colour: 0..255.
    """

    id: str
    name: str
    code: str
    side: str
    colour: tuple[int, int, int]


def segmentsOf(segmentationNode: Any) -> list[SegmentFacts]:
    """All segments, in the order of the segmentation; none for no segmentation."""
    if segmentationNode is None:
        return []
    segmentation = segmentationNode.GetSegmentation()
    return [_facts(name, segmentation.GetSegment(name)) for name in segmentation.GetSegmentIDs()]


def _facts(segmentId: str, segment: Any) -> SegmentFacts:
    entry = vtk.reference("")
    found = segment.GetTag(segment.GetTerminologyEntryTagName(), entry)
    parts = str(entry).split("~") if found else []
    red, green, blue = (round(255 * part) for part in segment.GetColor())
    modifier = _word(parts, _TYPE + 1, 2).lower()
    return SegmentFacts(
        segmentId,
        segment.GetName() or segmentId,
        _word(parts, _TYPE, 1) if _word(parts, _TYPE, 0) == "SCT" else "",
        modifier if modifier in ("right", "left") else "",
        (red, green, blue),
    )


def _word(parts: list[str], place: int, word: int) -> str:
    """Of scheme^code^meaning at a place of the entry."""
    if place >= len(parts):
        return ""
    words = parts[place].split("^")
    return words[word].strip() if word < len(words) else ""
