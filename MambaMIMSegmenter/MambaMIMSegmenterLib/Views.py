"""Brings a result before the user's eyes."""

from __future__ import annotations

from typing import Any

import slicer

from MambaMIMLib import Log, Surfaces
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps


def showInSlices(volumeNode: Any, segmentationNode: Any) -> None:
    """Show the volume in the slice views, at the middle of the segmentation.

    A view that shows the volume already keeps its zoom. A volume that is gone is not shown.
    """
    shown = {
        node.GetBackgroundVolumeID()
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    there = slicer.mrmlScene.IsNodePresent(volumeNode) and not volumeNode.GetHideFromEditors()
    if there and volumeNode.GetID() not in shown:
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
        ended: Signal(), the surfaces of all are there, or were given up.
    """

    def __init__(self) -> None:
        self.ended = Signal()
        self._waiting: list[Any] = []
        self._node: Any = None
        self._steps: Steps | None = None

    @property
    def busy(self) -> bool:
        """Whether surfaces are being made."""
        return self._steps is not None

    def show(self, segmentationNode: Any) -> None:
        """Make the surfaces that are missing, show all, and turn the 3D view to them.

        Where others are being made, these come after them.
        """
        if segmentationNode is not self._node and segmentationNode not in self._waiting:
            self._waiting.append(segmentationNode)
        if not self.busy:
            self._next()

    def hide(self, segmentationNode: Any) -> None:
        """Hide them; they are kept."""
        self.stop()
        if segmentationNode.GetDisplayNode() is not None:
            segmentationNode.GetDisplayNode().SetVisibility3D(False)

    def stop(self) -> None:
        """Give up what is not ready."""
        self._waiting.clear()
        if self._steps is not None:
            self._steps.stop()
            self._steps = self._node = None

    def _next(self) -> None:
        node = self._node = self._waiting.pop(0)
        self._steps = Steps(
            Surfaces.show3DSteps(node), lambda _last: self._onDone(), self._onFailed
        )

    def _onDone(self) -> None:
        node = self._node
        if slicer.mrmlScene.IsNodePresent(node) and not isIn3D(node):
            self._waiting.append(node)  # its voxels were changed meanwhile
        else:
            lookAtAll()
        self._goOn()

    def _onFailed(self, error: Exception) -> None:
        Log.exception(error)
        self._goOn()

    def _goOn(self) -> None:
        self._steps = self._node = None
        if self._waiting:
            self._next()
        else:
            self.ended()


def lookAtAll() -> None:
    """Turn the 3D view to all that it shows."""
    manager = slicer.app.layoutManager()
    if manager is not None and manager.threeDViewCount:
        view = manager.threeDWidget(0).threeDView()
        view.resetFocalPoint()
        view.resetCamera()


def canTrain() -> bool:
    """Whether MambaMIM Trainer is there."""
    return hasattr(slicer.modules, "mambamimtrainer")


def useForTraining(segmentationNode: Any, volumeNode: Any) -> None:
    """Open MambaMIM Trainer with a scan and its segmentation selected to be added."""
    trainer = slicer.modules.mambamimtrainer.widgetRepresentation().self()
    trainer.useForTraining(volumeNode, segmentationNode)


def editSegments(segmentationNode: Any, volumeNode: Any) -> None:
    """Open the Segment Editor with both."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentationNode)
    if slicer.mrmlScene.IsNodePresent(volumeNode):
        editor.setSourceVolumeNode(volumeNode)
