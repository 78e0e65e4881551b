"""Segments of the scene as one label map on a volume's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtkmodules.util.numpy_support import vtk_to_numpy

from mambamim.errors import BadInputError
from MambaMIMLib.LabelImage import VolumeGrid

_SAME = 1e-3  # voxels; a segmentation this near to the grid lies on it
_STEP_VOXELS = 512 * 1024


def labelSteps(
    segmentationNode: Any, volumeNode: Any, values: Mapping[str, int]
) -> Iterator[np.ndarray | None]:
    """Paint segments in steps of some milliseconds; the last one gives the label map.

    Where segments overlap, the later one wins. One that lies on another grid is looked up at the
    voxels' centres.

    Args:
        segmentationNode: holds the segments.
        volumeNode: lends the grid.
        values: id of a segment -> value of its class, 1 to 255.

    Returns:
        (I, J, K) uint8.

    Raises:
        BadInputError: a transform bends one of the two, or no voxel of the segments is in the scan.
    """
    grid = VolumeGrid.of(volumeNode)
    toScan = _toScan(segmentationNode, volumeNode, grid)
    labels = np.zeros(grid.size, np.uint8, order="F")
    for image, table in _layers(segmentationNode, values):
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        yield from _paint(labels, image, toScan @ slicer.util.arrayFromVTKMatrix(matrix), table)
    if not labels.any():
        raise BadInputError(
            _("No voxel of these segments lies in the scan."),
            _("Select the segmentation that belongs to this scan, and segments that are painted."),
        )
    yield labels


def _toScan(segmentationNode: Any, volumeNode: Any, grid: VolumeGrid) -> np.ndarray:
    """(4, 4): the segmentation's own millimetres to the scan's voxels (i, j, k)."""
    worlds = []
    for node in (segmentationNode, volumeNode):
        matrix, parent = vtk.vtkMatrix4x4(), node.GetParentTransformNode()
        if parent is not None:
            if not parent.IsTransformToWorldLinear():
                raise BadInputError(
                    _("The scan or its segmentation is under a transform that bends it."),
                    _("Apply it first: right-click it in the Data module, Harden transform."),
                )
            parent.GetMatrixTransformToWorld(matrix)
        worlds.append(slicer.util.arrayFromVTKMatrix(matrix))
    voxelToWorld = worlds[1] @ slicer.util.arrayFromVTKMatrix(grid.matrix)
    return np.linalg.inv(voxelToWorld) @ worlds[0]


def _layers(segmentationNode: Any, values: Mapping[str, int]) -> list[tuple[Any, np.ndarray]]:
    """Each label image that segments share, with a table: its label -> value, 0 for none."""
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation = segmentationNode.GetSegmentation()
    if not segmentation.ContainsRepresentation(name):
        segmentationNode.CreateBinaryLabelmapRepresentation()
    layers: dict[int, tuple[Any, np.ndarray]] = {}
    for segmentId, value in values.items():
        segment = segmentation.GetSegment(segmentId)
        image = None if segment is None else segment.GetRepresentation(name)
        if image is None or image.GetPointData().GetScalars() is None:
            continue
        table = layers.setdefault(id(image), (image, np.zeros(256, np.uint8)))[1]
        label = int(segment.GetLabelValue())
        if label >= len(table):
            larger = np.zeros(label + 1, np.uint8)
            larger[: len(table)] = table
            table, layers[id(image)] = larger, (image, larger)
        table[label] = value
    return list(layers.values())


def _paint(labels: np.ndarray, image: Any, toScan: np.ndarray, table: np.ndarray) -> Iterator[None]:
    held = slicer.vtkOrientedImageData()
    held.ShallowCopy(image)  # keeps the voxels alive, whatever becomes of the segment
    extent = held.GetExtent()
    first = np.array(extent[::2])
    if any(extent[2 * axis] > extent[2 * axis + 1] for axis in range(3)):
        return
    voxels = vtk_to_numpy(held.GetPointData().GetScalars())
    voxels = voxels.reshape(held.GetDimensions(), order="F")
    low, high = _box(first, np.array(extent[1::2]), toScan, labels.shape)
    if (low >= high).any():
        return
    shift = np.rint(toScan[:3, 3]).astype(int)
    on = np.eye(4)
    on[:3, 3] = shift
    same = np.abs((toScan - on) @ [*labels.shape, 1]).max() < _SAME
    fromScan = np.linalg.inv(toScan)
    thick = max(1, _STEP_VOXELS // int(np.prod((high - low)[:2])))
    for start in range(int(low[2]), int(high[2]), thick):
        end = min(start + thick, int(high[2]))
        place = (slice(low[0], high[0]), slice(low[1], high[1]), slice(start, end))
        if same:
            source = tuple(
                slice(part.start - move, part.stop - move)
                for part, move in zip(place, first + shift, strict=True)
            )
            piece = voxels[source]
        else:
            piece = _lookedUp(voxels, first, fromScan, place)
        found = table[np.clip(piece, 0, len(table) - 1)] * (piece < len(table))
        np.copyto(labels[place], found, where=found > 0, casting="unsafe")
        yield None


def _box(
    first: np.ndarray, last: np.ndarray, toScan: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The scan's voxels that an image can touch: first and end, cut to the scan."""
    edges = np.stack([first - 0.5, last + 0.5])
    corners = np.array([[edges[bit >> axis & 1][axis] for axis in range(3)] for bit in range(8)])
    placed = corners @ toScan[:3, :3].T + toScan[:3, 3]
    low = np.ceil(placed.min(0) - _SAME).astype(int)
    high = np.floor(placed.max(0) + _SAME).astype(int) + 1
    return np.maximum(low, 0), np.minimum(high, shape)


def _lookedUp(
    voxels: np.ndarray,
    first: np.ndarray,
    fromScan: np.ndarray,
    place: tuple[slice, slice, slice],
) -> np.ndarray:
    """The image's labels at the centres of a box of the scan's voxels, 0 outside of the image."""
    sides = [np.arange(part.start, part.stop, dtype=float) for part in place]
    inside = np.ones([len(side) for side in sides], bool)
    index = []
    for axis in range(3):
        at = fromScan[axis, 3] - first[axis]
        for other, (side, shape) in enumerate(
            zip(sides, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
        ):
            at = at + fromScan[axis, other] * side.reshape(shape)
        nearest = np.rint(at).astype(np.int32)
        inside &= (nearest >= 0) & (nearest < voxels.shape[axis])
        index.append(np.clip(nearest, 0, voxels.shape[axis] - 1))
    return voxels[tuple(index)] * inside
