"""The segmentation node that a run leaves behind: always a new one, never the user's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _

from mambamim.catalogue.terminology import Term, term
from MambaMIMLib import Surfaces, Terminology
from MambaMIMLib.LabelImage import LabelImage, VolumeGrid, labelSteps

ATTRIBUTE = "MambaMIM."  # what the names of the node's attributes begin with


class SegmentationResult:
    """Makes the node when there is something to show, and replaces the coarse result by the full.

    Make it before the volume is handed to the worker: the segments lie where the volume's voxels
    lay then, whatever becomes of the volume meanwhile.

    Args:
        volumeNode: the segmented volume; it lends grid, transform, place in the hierarchy, name.
        labels: label value -> class name.
        terms: class name -> what it is, where the model knows more than the catalogue.

    Attributes:
        node: the segmentation, None while there is none.
        coarse: whether it shows the coarse result.
    """

    def __init__(
        self,
        volumeNode: Any,
        labels: Mapping[int, str],
        terms: Mapping[str, Term] | None = None,
    ) -> None:
        self.node: Any = None
        self.coarse = False
        self._volumeNode, self._labels, self._terms = volumeNode, dict(labels), dict(terms or {})
        self._grid, self._name = VolumeGrid.of(volumeNode), volumeNode.GetName() or ""
        self._handed, self._transform = _stateOf(volumeNode), volumeNode.GetTransformNodeID()
        self._image: Any = None
        self._untouched: tuple[Any, ...] = ()

    @property
    def volumeChanged(self) -> bool:
        """Whether the volume is another one than was handed over: voxels, geometry, or gone."""
        there = slicer.mrmlScene.IsNodePresent(self._volumeNode)
        return not there or _stateOf(self._volumeNode) != self._handed

    def showSteps(self, path: str, coarse: bool) -> Iterator[dict[int, int] | None]:
        """Show a label map of the worker's; the last step gives label value -> voxels found.

        Each step takes some milliseconds. Nothing is made where nothing was found.

        Raises:
            BadInputError: the file cannot be used.
        """
        found: LabelImage | None = None
        for found in labelSteps(path, self._grid):
            if found is None:
                yield None
        assert found is not None
        if self.edited():  # the user works on the coarse result: it stays, the full one is another
            self.node = self._image = None
        if found.image is not None:
            yield from self._show(found, coarse)
        elif self.node is not None:  # the coarse result saw something, the full one does not
            self.discard()
        yield found.voxels

    def edited(self) -> bool:
        """Whether the user changed the segments' voxels since they were shown."""
        return self._inScene() and self._image is not None and self._state() != self._untouched

    def record(self, attributes: Mapping[str, Any]) -> None:
        """Write down on the node how it came to be; what is no text becomes JSON."""
        for name, value in attributes.items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            self.node.SetAttribute(f"{ATTRIBUTE}{name}", text)

    def discard(self) -> None:
        """Take the node away again, unless the user has worked on it."""
        if self._inScene() and not self.edited():
            slicer.mrmlScene.RemoveNode(self.node)
        self.node = self._image = None

    def _inScene(self) -> bool:
        return self.node is not None and bool(slicer.mrmlScene.IsNodePresent(self.node))

    def _show(self, found: LabelImage, coarse: bool) -> Iterator[None]:
        self.coarse = coarse
        if not self._inScene():
            self.node, self._image = self._made(), None
        self._rename()
        shown3D = Surfaces.remove3D(self.node)
        segmentation = self.node.GetSegmentation()
        for segmentId in list(segmentation.GetSegmentIDs()):
            if segmentation.GetSegment(segmentId).GetLabelValue() not in found.voxels:
                segmentation.RemoveSegment(segmentId)
        if self._image is None:
            self._image = found.image
        else:  # in place: names, colours and what is hidden stay as the user has set them
            self._image.ShallowCopy(found.image)
        for value in sorted(found.voxels):
            self._addSegment(value)
            self._untouched = self._state()  # whoever stops here has not edited anything
            yield None
        if shown3D:
            yield from Surfaces.show3DSteps(self.node)

    def _made(self) -> Any:
        volume = self._volumeNode
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        segmentation = node.GetSegmentation()
        segmentation.SetSourceRepresentationName(_labelmapName())
        there = slicer.mrmlScene.IsNodePresent(volume)
        node.SetAndObserveTransformNodeID(volume.GetTransformNodeID() if there else self._transform)
        if there:
            node.SetNodeReferenceID(
                slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole(),
                volume.GetID(),
            )
            placeBeside(node, volume)
        converter = slicer.vtkSegmentationConverter
        segmentation.SetConversionParameter(
            converter.GetReferenceImageGeometryParameterName(),
            converter.SerializeImageGeometry(self._grid.image()),
        )
        return node

    def _rename(self) -> None:
        pattern = _("{volume} segmentation (coarse)") if self.coarse else _("{volume} segmentation")
        name = pattern.format(volume=self._name)
        if self.node.GetName() != name:
            self.node.SetName(slicer.mrmlScene.GetUniqueNameByString(name))

    def _addSegment(self, value: int) -> None:
        name = self._labels.get(value, str(value))
        segmentation = self.node.GetSegmentation()
        if segmentation.GetSegment(name) is not None:
            return
        segment = slicer.vtkSegment()
        segment.SetLabelValue(value)
        segment.AddRepresentation(_labelmapName(), self._image)
        Terminology.apply(segment, self._terms.get(name) or term(name))
        segmentation.AddSegment(segment, name)

    def _state(self) -> tuple[Any, ...]:
        """What changes when somebody edits: the shared image, or which segments share it."""
        segmentation = self.node.GetSegmentation()
        segments = [segmentation.GetSegment(name) for name in segmentation.GetSegmentIDs()]
        own = [s.GetRepresentation(_labelmapName()) is not self._image for s in segments]
        return (0 if self._image is None else self._image.GetMTime(), len(segments), any(own))


def placeBeside(node: Any, volumeNode: Any) -> None:
    """Put a node into the study, or the folder, that a volume is in."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    place = hierarchy.GetItemByDataNode(volumeNode)
    item = hierarchy.GetItemByDataNode(node)
    if place and item:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(place))


def _stateOf(volumeNode: Any) -> tuple[Any, ...]:
    image = volumeNode.GetImageData()
    if image is None:
        return ()
    grid = VolumeGrid.of(volumeNode)
    scalars = image.GetPointData().GetScalars()
    numbers = [grid.matrix.GetElement(row, column) for row in range(3) for column in range(4)]
    return (grid.size, tuple(numbers), image, scalars.GetMTime() if scalars else 0)


def _labelmapName() -> str:
    return slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
