"""How a volume is to be segmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from mambamim.errors import BadInputError

Corners = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class SegmentOptions:
    """One set of options for one volume or many.

    Attributes:
        model: of the catalogue; None if none is selected.
        quality: "full", or "coarse" (3 mm).
        device: as the worker takes it: "auto", "cpu", "cuda:0", "mps".
        roi: two opposite corners (R, A, S) of a box in mm; None for the whole scan.
        organs: names of the classes wanted; None for all.
        statistics: whether a table of volumes and intensities is made.
        show3D: whether the result's surfaces are shown.
    """

    model: ModelEntry | None
    quality: str = "full"
    device: str = "auto"
    roi: Corners | None = None
    organs: tuple[str, ...] | None = None
    statistics: bool = False
    show3D: bool = False

    def check(self) -> None:
        """Refuse what cannot be asked of a worker.

        Raises:
            BadInputError: says what is missing and what to do about it.
        """
        if self.model is None:
            raise BadInputError(
                _("No model is selected."), _("Select one of the list, or import a checkpoint.")
            )
        if self.model.path is None or not self.model.path.is_file():
            raise BadInputError(
                _("The file of the model {name} is not there any more.").format(
                    name=self.model.title or self.model.name
                ),
                _("Select another model, or import its checkpoint again."),
            )
        if self.organs is not None and not self.organs:
            raise BadInputError(
                _("No structure is selected."), _("Check at least one under Options, Structures.")
            )

    def parameters(self) -> dict[str, Any]:
        """What the worker is told besides the files."""
        assert self.model is not None
        told: dict[str, Any] = {
            "model": self.model.name, "device": self.device, "quality": self.quality
        }  # fmt: skip
        if self.roi is not None:
            told["roi"] = [list(corner) for corner in self.roi]
        if self.organs is not None:
            told["organs"] = list(self.organs)
        return told

    def attributes(self) -> dict[str, Any]:
        """What the segmentation remembers of them."""
        kept: dict[str, Any] = {"Model": self.model.name if self.model else ""}
        kept["Quality"] = self.quality
        if self.roi is not None:
            kept["RegionOfInterest"] = [list(corner) for corner in self.roi]
        kept["Structures"] = "all" if self.organs is None else list(self.organs)
        return kept
