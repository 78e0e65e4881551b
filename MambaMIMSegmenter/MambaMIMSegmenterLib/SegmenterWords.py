"""What the Segmenter's buttons and messages say."""

from __future__ import annotations

from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry


def action(model: ModelEntry | None) -> str:
    """What the one big button says."""
    name = "" if model is None else model.name.lower()
    if "abdomen" in name:
        return _("Segment abdomen")
    if "hippocampus" in name:
        return _("Segment hippocampus")
    return _("Segment")


def scans(count: int) -> str:
    """So many scans."""
    return _("1 scan") if count == 1 else _("{count} scans").format(count=count)


def structures(count: int) -> str:
    """So many structures."""
    return _("1 structure") if count == 1 else _("{count} structures").format(count=count)


def whereDone(device: str) -> str:
    """What did the work, as the end of a sentence; empty where it is not known."""
    if not device:
        return ""
    return _(" on the CPU") if device == "cpu" else _(" on the graphics card")
