"""The scans of a scene that can be segmented: its volumes, and the frames of its sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

VOLUME = "vtkMRMLScalarVolumeNode"


@dataclass(frozen=True)
class Scan:
    """A volume, or one frame of a sequence.

    Attributes:
        title: what a list shows.
        volumeNode: the volume, None for a frame.
        sequenceNode: the sequence, None for a volume.
        frame: its place in the sequence, from 0.
    """

    title: str
    volumeNode: Any = None
    sequenceNode: Any = None
    frame: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from others as long as the scene is open."""
        node = self.volumeNode if self.sequenceNode is None else self.sequenceNode
        return node.GetID() or "", self.frame

    def isThere(self) -> bool:
        """Whether the scene still has it."""
        node = self.volumeNode if self.sequenceNode is None else self.sequenceNode
        if not slicer.mrmlScene.IsNodePresent(node):
            return False
        return self.sequenceNode is None or self.frame < node.GetNumberOfDataNodes()


def scansOfScene() -> list[Scan]:
    """Volumes by their order in the scene, then the frames of each sequence of volumes."""
    sequences = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")
        if node.GetDataNodeClassName() == VOLUME
    ]
    shown = {node.GetID() for node in map(frameShownBy, sequences) if node is not None}
    scans = [
        Scan(node.GetName() or "", node)
        for node in slicer.util.getNodesByClass(VOLUME)
        if isScan(node) and node.GetID() not in shown
    ]
    for node in sequences:
        for frame in range(node.GetNumberOfDataNodes()):
            title = _("{sequence}, frame {number}").format(
                sequence=node.GetName(), number=frame + 1
            )
            scans.append(Scan(title, None, node, frame))
    return scans


def isScan(node: Any) -> bool:
    """Whether a volume may be shown to a model: no label map, and none of our own making."""
    own = node.GetAttribute("MambaMIM.Role")
    return not (node.GetHideFromEditors() or own or node.IsA("vtkMRMLLabelMapVolumeNode"))


def frameShownBy(sequenceNode: Any) -> Any:
    """The volume in the scene that shows a sequence's current frame, None if nothing does."""
    browser = browserOf(sequenceNode)
    return None if browser is None else browser.GetProxyNode(sequenceNode)


def browserOf(sequenceNode: Any) -> Any:
    """The first browser that plays a sequence, None if none does."""
    logic = slicer.modules.sequences.logic()
    return logic.GetFirstBrowserNodeForSequenceNode(sequenceNode)


class FrameVolume:
    """A frame as a volume of the scene that no list shows; its voxels are shared.

    Args:
        scan: a frame.
    """

    def __init__(self, scan: Scan) -> None:
        frame = scan.sequenceNode.GetNthDataNode(scan.frame)
        shown = frameShownBy(scan.sequenceNode)
        node = slicer.mrmlScene.CreateNodeByClass(VOLUME)
        node.UnRegister(None)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.SetName(scan.title)
        node.CopyOrientation(frame)
        node.SetAndObserveImageData(frame.GetImageData())
        self.node = slicer.mrmlScene.AddNode(node)
        if shown is not None:
            self.node.SetAndObserveTransformNodeID(shown.GetTransformNodeID())

    def remove(self) -> None:
        """Take it out of the scene."""
        if slicer.mrmlScene.IsNodePresent(self.node):
            slicer.mrmlScene.RemoveNode(self.node)
