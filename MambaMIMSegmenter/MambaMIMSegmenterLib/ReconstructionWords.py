"""What the section Reconstruction says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from mambamim.checkpoint_header import CheckpointHeader


def runButton(percent: int) -> str:
    """The text of the button."""
    return _("Mask {percent} % and reconstruct").format(percent=percent)


def viewButton(shown: bool) -> str:
    """The text of the button that opens and closes the four views."""
    return _("Back to the former layout") if shown else _("Show side by side")


def token(header: CheckpointHeader | None) -> str:
    """What stands for the masked patches inside of the model."""
    if header is None:
        return ""
    fill = header.pretraining.get("fill")
    if fill == "toki":
        return _("TOKI: interpolated from the visible patches")
    if fill == "learnable":
        return _("Learnable token: the same learnt vector everywhere")
    return _("None: this model was saved without its decoder")


def score(facts: Mapping[str, Any]) -> str:
    """The PSNR and what it means, as rich text.

    Args:
        facts: of a `ReconstructionResult`: "PSNR" in dB, "Ratio" (0..1), "Window" (two numbers, or
            none) and "OwnMoments".
    """
    psnr, window = float(facts["PSNR"]), facts.get("Window") or ()
    share = 10 ** (-psnr / 20)  # root mean square error in shares of the window
    if window:
        off = _("{count} HU").format(count=f"{share * (window[1] - window[0]):.0f}")
    else:
        off = _("{count} % of the range of intensities").format(count=f"{100 * share:.0f}")
    lines = [
        _("<b>PSNR {psnr} dB</b> at {percent} % masked").format(
            psnr=f"{psnr:.1f}", percent=f"{100 * float(facts['Ratio']):g}"
        ),
        _(
            "The voxels that were hidden are off by {off} (root mean square). Higher is better; "
            "6 dB more is half the error."
        ).format(off=off),
    ]
    if facts.get("OwnMoments"):
        lines.append(
            _(
                "Brightness and contrast of each hidden patch are the scan's own: this model "
                "predicts the structure alone."
            )
        )
    return "<br>".join(lines)


def elsewhere() -> str:
    """A run ended whose volume is not the selected one any more."""
    return _("The reconstruction of another volume is ready. Select that volume to see it.")
