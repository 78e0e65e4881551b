"""Segmentations of a sequence's frames, kept as a sequence that plays along with it."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from MambaMIMLib.SegmentationResult import placeBeside
from MambaMIMSegmenterLib.Scans import browserOf, frameShownBy


class SegmentationSequence:
    """Takes one frame's segmentation after the other; made in the scene with the first.

    Args:
        sequenceNode: of the volumes.
    """

    def __init__(self, sequenceNode: Any) -> None:
        self.sequenceNode = sequenceNode
        self.node: Any = None

    def add(self, segmentationNode: Any, frame: int) -> Any:
        """Move a segmentation out of the scene into the frame that it is of.

        Returns:
            The segmentation in the scene that shows the current frame's; None without a browser.
        """
        volumes = self.sequenceNode
        browser = browserOf(volumes)
        first = self.node is None or not slicer.mrmlScene.IsNodePresent(self.node)
        if first:
            self.node = self._made()
        shown = frameShownBy(volumes)
        segmentationNode.SetName(self.node.GetName())
        self.node.SetDataNodeAtValue(segmentationNode, volumes.GetNthIndexValue(frame))
        slicer.mrmlScene.RemoveNode(segmentationNode)
        if browser is None:
            return None
        if first:
            browser.AddSynchronizedSequenceNodeID(self.node.GetID())
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        proxy = browser.GetProxyNode(self.node)
        if proxy is not None and shown is not None:
            proxy.CreateDefaultDisplayNodes()
            proxy.SetNodeReferenceID(reference_role(), shown.GetID())
            placeBeside(proxy, shown)
        return proxy

    def _made(self) -> Any:
        volumes = self.sequenceNode
        name = _("{volume} segmentation").format(volume=volumes.GetName())
        node = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLSequenceNode", slicer.mrmlScene.GetUniqueNameByString(name)
        )
        node.SetIndexName(volumes.GetIndexName())
        node.SetIndexUnit(volumes.GetIndexUnit())
        node.SetIndexType(volumes.GetIndexType())
        return node


def reference_role() -> str:
    """The role of the volume whose grid a segmentation has."""
    return slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
