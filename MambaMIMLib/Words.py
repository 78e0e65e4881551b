"""Numbers as a person says them."""

from __future__ import annotations

from slicer.i18n import tr as _


def duration(seconds: float) -> str:
    """A time as it is said: "12 s", "4 min", "1.5 h"."""
    if seconds <= 90:
        return _("{count} s").format(count=max(1, round(seconds)))
    if seconds < 90 * 60:
        return _("{count} min").format(count=round(seconds / 60))
    return _("{count} h").format(count=f"{seconds / 3600:.1f}".removesuffix(".0"))


def aboutDuration(seconds: float) -> str:
    """The same, no more precise than a time that was measured once: "40 s", not "42 s"."""
    if 10 <= seconds <= 90:
        seconds = 10 * round(seconds / 10)
    return duration(seconds)


def timeLeft(seconds: float) -> str:
    """What is left of a job: "12 s left", "about 4 min left", "a few seconds left"."""
    if seconds < 5:
        return _("a few seconds left")
    if seconds <= 90:
        return _("{time} left").format(time=duration(seconds))
    return _("about {time} left").format(time=duration(seconds))


def size(count: int) -> str:
    """Bytes: "12 MB", "1.4 GB"."""
    if count < 1e9:
        return _("{count} MB").format(count=max(1, round(count / 1e6)))
    return _("{count} GB").format(count=f"{count / 1e9:.1f}")
