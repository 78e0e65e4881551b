"""Brings a result before the user's eyes."""

from __future__ import annotations

from typing import Any

import slicer

from MambaMIMLib import Log, Surfaces
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps


def showInSlices(volumeNode: Any, segmentationNode: Any) -> None:
    """Show the volume in the slice views, at the middle of the segmentation.

    A view that shows the volume already keeps its zoom.
    """
    shown = {
        node.GetBackgroundVolumeID()
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    if volumeNode.GetID() not in shown and not volumeNode.GetHideFromEditors():
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
    bounds = [0.0] * 6
    segmentationNode.GetRASBounds(bounds)
    if bounds[0] <= bounds[1]:
        middle = [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)]
        slicer.vtkMRMLSliceNode.JumpAllSlices(
            slicer.mrmlScene, *middle, slicer.vtkMRMLSliceNode.OffsetJumpSlice
        )


def showVolume(volumeNode: Any) -> None:
    """Show a volume in all slice views, whole."""
    slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)


def isIn3D(segmentationNode: Any) -> bool:
    """Whether the surfaces are there and shown."""
    display = segmentationNode.GetDisplayNode()
    has = segmentationNode.GetSegmentation().ContainsRepresentation(Surfaces.surfaceName())
    return bool(has and display is not None and display.GetVisibility3D())


class SurfaceShow:
    """Shows segmentations in 3D, one after the other, while the application stays live.

    Attributes:
        ended: Signal(), the surfaces are there, or were given up.
        busy: whether surfaces are being made.
    """

    def __init__(self) -> None:
        self.ended = Signal()
        self._steps: Steps | None = None

    @property
    def busy(self) -> bool:
        """Whether surfaces are being made."""
        return self._steps is not None

    def show(self, segmentationNode: Any) -> None:
        """Make the surfaces that are missing, show all, and turn the 3D view to them."""
        self.stop()
        self._steps = Steps(
            Surfaces.show3DSteps(segmentationNode), lambda _last: self._onDone(), self._onFailed
        )

    def hide(self, segmentationNode: Any) -> None:
        """Hide them; they are kept."""
        self.stop()
        if segmentationNode.GetDisplayNode() is not None:
            segmentationNode.GetDisplayNode().SetVisibility3D(False)

    def stop(self) -> None:
        """Give up what is not ready."""
        if self._steps is not None:
            self._steps.stop()
            self._steps = None

    def _onDone(self) -> None:
        self._steps = None
        manager = slicer.app.layoutManager()
        if manager is not None and manager.threeDViewCount:
            view = manager.threeDWidget(0).threeDView()
            view.resetFocalPoint()
            view.resetCamera()
        self.ended()

    def _onFailed(self, error: Exception) -> None:
        self._steps = None
        Log.exception(error)
        self.ended()


def editSegments(segmentationNode: Any, volumeNode: Any) -> None:
    """Open the Segment Editor with both."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentationNode)
    editor.setSourceVolumeNode(volumeNode)
