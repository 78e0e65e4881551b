"""A segmentation's 3D surfaces, made in a thread of their own while the application stays live.

Slicer's own conversion works on all segments in one go and nothing moves meanwhile, for half a
minute where there are twenty organs. What comes out here is the same to the eye and lies where
Slicer looks for it, so its Show 3D finds the work done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

_PATIENCE = 0.005  # seconds that one look at the thread takes
_DEFAULT_SMOOTHING = 0.5  # as Slicer's "Smoothing factor"


def show3DSteps(segmentationNode: Any) -> Iterator[None]:
    """Make the surfaces that are missing and show them, in steps of some milliseconds.

    The voxels are only read. If somebody changes them, or removes the node, before all surfaces
    are there, none is added: Slicer makes them anew when asked.
    """
    segmentation = segmentationNode.GetSegmentation()
    if not segmentation.ContainsRepresentation(surfaceName()):
        names = segmentation.GetSegmentIDs()
        began = _stateOf(segmentation)
        smoothing = _smoothingOf(segmentation)
        made = []
        for segment in map(segmentation.GetSegment, names):
            image = segment.GetRepresentation(_labelmapName())
            if image is None or image.GetPointData().GetScalars() is None:
                made.append(vtk.vtkPolyData())
                continue
            made.append((yield from _inThread(_maker(image, segment.GetLabelValue(), smoothing))))
            if not _inScene(segmentationNode) or _stateOf(segmentation) != began:
                return
        surfaces = dict(zip(names, made, strict=True))
        if not (yield from _addedSteps(segmentationNode, surfaces, began)):
            return
    show3D(segmentationNode)
    yield None


def show3D(segmentationNode: Any) -> None:
    """Let the 3D views show the surfaces."""
    segmentationNode.CreateDefaultDisplayNodes()
    display = segmentationNode.GetDisplayNode()
    display.SetPreferredDisplayRepresentationName3D(surfaceName())
    display.SetVisibility3D(True)


def remove3D(segmentationNode: Any) -> bool:
    """Take the surfaces away and return whether there were any.

    Done before voxels change: else Slicer makes all surfaces anew in one go.
    """
    segmentation = segmentationNode.GetSegmentation()
    there = segmentation.ContainsRepresentation(surfaceName())
    if there:
        segmentationNode.GetDisplayNode().SetPreferredDisplayRepresentationName3D("")
        segmentation.RemoveRepresentation(surfaceName())
    return bool(there)


def surfaceName() -> str:
    """What Slicer calls the representation."""
    return slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()


def _addedSteps(node: Any, surfaces: Mapping[str, Any], began: tuple[Any, ...]) -> Iterator[None]:
    """Give each segment its surface, one a step; a generator that returns whether all have it.

    None is left if the voxels change meanwhile. As soon as the first segment by name has a surface,
    or the views prefer surfaces, Slicer makes those that others lack in one go: it comes last.
    """
    segmentation = node.GetSegmentation()
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    preferred = display.GetPreferredDisplayRepresentationName3D()
    display.SetPreferredDisplayRepresentationName3D("")
    for name in sorted(surfaces, reverse=True):
        segmentation.GetSegment(name).AddRepresentation(surfaceName(), surfaces[name])
        yield None
        if not _inScene(node) or _stateOf(segmentation) != began:
            segmentation.RemoveRepresentation(surfaceName())
            display.SetPreferredDisplayRepresentationName3D(preferred)
            return False
    return True


def _maker(image: Any, value: int, smoothing: float) -> Callable[[], Any]:
    """Work for the thread; the voxels stay alive and in their place with the shallow copy."""
    held = slicer.vtkOrientedImageData()
    held.ShallowCopy(image)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    first = held.GetExtent()[::2]
    voxels = vtk_to_numpy(held.GetPointData().GetScalars())
    voxels = voxels.reshape(held.GetDimensions(), order="F")
    return lambda: _surface(voxels, value, first, matrix, smoothing, held)


def _surface(
    voxels: np.ndarray,
    value: int,
    first: tuple[int, int, int],
    matrix: Any,
    smoothing: float,
    held: Any,  # keeps the voxels alive
) -> Any:
    """The surface of one label in RAS mm, as a vtkPolyData."""
    mask = voxels == value
    sides = [mask.any(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    if not sides[0].any():
        return vtk.vtkPolyData()
    low = [int(np.flatnonzero(side)[0]) for side in sides]
    high = [int(np.flatnonzero(side)[-1]) + 1 for side in sides]
    cut = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    padded = np.zeros([side + 2 for side in cut.shape], np.uint8, order="F")  # closes the surface
    padded[1:-1, 1:-1, 1:-1] = cut
    grid = vtk.vtkImageData()
    grid.SetDimensions(padded.shape)
    grid.SetOrigin([first[axis] + low[axis] - 1 for axis in range(3)])
    grid.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(order="F"), deep=False))
    return _smoothed(grid, matrix, smoothing)


def _smoothed(grid: Any, matrix: Any, smoothing: float) -> Any:
    edges = vtk.vtkDiscreteFlyingEdges3D()
    edges.SetInputData(grid)
    edges.GenerateValues(1, 1, 1)
    edges.ComputeGradientsOff()
    edges.ComputeNormalsOff()
    edges.ComputeScalarsOff()
    last: Any = edges
    if smoothing > 0:
        smoother = vtk.vtkWindowedSincPolyDataFilter()
        smoother.SetInputConnection(last.GetOutputPort())
        smoother.SetNumberOfIterations(20)
        smoother.SetPassBand(10.0 ** (-4.0 * smoothing))
        smoother.BoundarySmoothingOff()
        smoother.FeatureEdgeSmoothingOff()
        smoother.NonManifoldSmoothingOn()
        smoother.NormalizeCoordinatesOn()
        last = smoother
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix)
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetTransform(transform)
    placed.SetInputConnection(last.GetOutputPort())
    last = placed
    if matrix.Determinant() < 0:  # a mirrored grid turns the surface inside out
        turned = vtk.vtkReverseSense()
        turned.SetInputConnection(last.GetOutputPort())
        last = turned
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(last.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()  # VTK lets other threads of Python go on meanwhile
    surface = vtk.vtkPolyData()
    surface.ShallowCopy(normals.GetOutput())
    return surface


def _inThread(work: Callable[[], Any]) -> Iterator[None]:
    """Do the work in a thread; a generator that returns what it gave."""
    given: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="MambaMIM surfaces", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_PATIENCE)
        yield None
    if raised:
        raise raised[0]
    return given[0]


def _smoothingOf(segmentation: Any) -> float:
    try:
        return float(segmentation.GetConversionParameter("Smoothing factor"))
    except ValueError:
        return _DEFAULT_SMOOTHING


def _stateOf(segmentation: Any) -> tuple[Any, ...]:
    """What is another when somebody changes the voxels, or which segments there are."""
    names = segmentation.GetSegmentIDs()
    images = [segmentation.GetSegment(name).GetRepresentation(_labelmapName()) for name in names]
    return (tuple(names), tuple((image, image and image.GetMTime()) for image in images))


def _inScene(node: Any) -> bool:
    return bool(slicer.mrmlScene.IsNodePresent(node))


def _labelmapName() -> str:
    return slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
