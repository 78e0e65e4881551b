"""Four linked slice views side by side: input, masked, reconstruction, error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _

from MambaMIMSegmenterLib.ReconstructionColors import colorBar

VIEWS = ("input", "masked", "reconstruction", "error")
LAYOUT = 53117  # number of the layout; Slicer's own are below 1000
_GROUP = 53117  # of the views: they are linked with each other and with no others
_COLOR = {"input": "#8c8c8c", "masked": "#8c8c8c", "reconstruction": "#4c8fd9", "error": "#e5763d"}


class CompareView:
    """Shows the volumes of a reconstruction, and puts the layout that was there before back."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._share = 1.0

    @property
    def open(self) -> bool:
        """Whether its layout is on the screen."""
        layouts = slicer.app.layoutManager()  # None without a main window
        return layouts is not None and bool(layouts.layout == LAYOUT)

    def show(self, volumes: Mapping[str, Any]) -> None:
        """Put volumes into the views, the reconstruction over the input.

        Slice and zoom stay where they are if the input is shown there already, as in a run with
        another ratio; else they are those of the red view where that shows it.

        Args:
            volumes: name of `VIEWS` -> volume node, and "mask" -> the label map of what is hidden,
                which lies over the masked volume.
        """
        anew = compositeNode("input").GetBackgroundVolumeID() != volumes["input"].GetID()
        layouts = slicer.app.layoutManager()
        if layouts is not None and not self.open:
            _register(layouts.layoutLogic().GetLayoutNode())
            self._before, anew = int(layouts.layout), True
            layouts.setLayout(LAYOUT)
        for view in VIEWS:
            _fill(view, volumes)
        self.fade(self._share)
        legend = colorBar(volumes["error"])
        if legend is not None:
            legend.Modified()  # the views look then where its volume is shown
        if anew:
            _place(volumes["input"])

    def fade(self, share: float) -> None:
        """Show the reconstruction (1), the input (0) or something of both in the third view."""
        self._share = share
        compositeNode("reconstruction").SetForegroundOpacity(share)

    def close(self) -> None:
        """Empty the views, and go back to the layout before unless the user has left this one."""
        for node in filter(None, map(_existing, VIEWS)):
            node.SetBackgroundVolumeID(None)
            node.SetForegroundVolumeID(None)
            node.SetLabelVolumeID(None)
        if self.open and self._before is not None:
            slicer.app.layoutManager().setLayout(self._before)
        self._before = None


def compositeNode(view: str) -> Any:
    """The node that says what is in a view; made if the view has not been on the screen yet."""
    found = _existing(view)
    if found is None:
        node = slicer.vtkMRMLSliceCompositeNode()
        node.SetLayoutName(viewName(view))  # the view's logic takes the node of its name
        found = slicer.mrmlScene.AddNode(node)
    return found


def viewName(view: str) -> str:
    """How the nodes of a view are called in the layout."""
    return f"MambaMIM{view.capitalize()}"


def _existing(view: str) -> Any:
    return slicer.mrmlScene.GetSingletonNode(viewName(view), "vtkMRMLSliceCompositeNode")


def _register(node: Any) -> None:
    """Tell the layout node of the layout, once."""
    if node.IsLayoutDescription(LAYOUT):
        return
    pairs = (VIEWS[:2], VIEWS[2:])
    rows = "".join(
        f'<item><layout type="horizontal">{"".join(map(_item, pair))}</layout></item>'
        for pair in pairs
    )
    node.AddLayoutDescription(LAYOUT, f'<layout type="vertical">{rows}</layout>')


def _item(view: str) -> str:
    titles = {
        "input": _("Input"),
        "masked": _("Masked"),
        "reconstruction": _("Reconstruction"),
        "error": _("Error"),
    }
    properties = {
        "orientation": "Axial",
        "viewlabel": titles[view],
        "viewcolor": _COLOR[view],
        "viewgroup": str(_GROUP),
    }
    inside = "".join(
        f'<property name="{name}" action="default">{value}</property>'
        for name, value in properties.items()
    )
    tag = viewName(view)
    return f'<item><view class="vtkMRMLSliceNode" singletontag="{tag}">{inside}</view></item>'


def _fill(view: str, volumes: Mapping[str, Any]) -> None:
    node = compositeNode(view)
    wasModified = node.StartModify()
    node.SetLinkedControl(True)
    node.SetHotLinkedControl(True)
    node.SetDoPropagateVolumeSelection(False)  # what is loaded later is for other views
    node.SetLabelVolumeID(volumes["mask"].GetID() if view == "masked" else None)
    node.SetLabelOpacity(1.0)
    over = view == "reconstruction"
    node.SetBackgroundVolumeID(volumes["input" if over else view].GetID())
    node.SetForegroundVolumeID(volumes["reconstruction"].GetID() if over else None)
    node.EndModify(wasModified)


def _place(volume: Any) -> None:
    """Fit all views; the slice is that of the red view if it shows the same volume."""
    logics = {logic.GetSliceNode().GetLayoutName(): logic for logic in _sliceLogics()}
    red = logics.get("Red")
    same = red is not None and red.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
    axial = same and red.GetSliceNode().GetOrientation() == "Axial"
    for view in VIEWS:
        logic = logics.get(viewName(view))
        if logic is None:  # without a main window there are no views
            continue
        logic.FitSliceToAll()
        if axial:
            logic.SetSliceOffset(red.GetSliceOffset())
        else:
            logic.SnapSliceOffsetToIJK()


def _sliceLogics() -> list[Any]:
    logics = slicer.app.applicationLogic().GetSliceLogics()
    return [logics.GetItemAsObject(index) for index in range(logics.GetNumberOfItems())]
