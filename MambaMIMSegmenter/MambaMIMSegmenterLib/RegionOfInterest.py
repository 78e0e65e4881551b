"""A Markups ROI as the box that the worker understands."""

from __future__ import annotations

import itertools
from typing import Any

import vtk
from slicer.i18n import tr as _

from mambamim.errors import BadInputError
from MambaMIMSegmenterLib.SegmentOptions import Corners


def corners(roiNode: Any) -> Corners:
    """The box along R, A and S in the world that just holds the ROI, however it is turned.

    Args:
        roiNode: a vtkMRMLMarkupsROINode.

    Raises:
        BadInputError: it has no volume.
    """
    size = roiNode.GetSize()
    if min(size) <= 0:
        raise BadInputError(
            _("The region of interest is empty."),
            _("Draw it around the organs, or select None under Options, Region of interest."),
        )
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(roiNode.GetObjectToWorldMatrix())
    points = [
        matrix.MultiplyPoint(
            [sign * side / 2 for sign, side in zip(signs, size, strict=True)] + [1]
        )
        for signs in itertools.product((-1, 1), repeat=3)
    ]
    low = [min(point[axis] for point in points) for axis in range(3)]
    high = [max(point[axis] for point in points) for axis in range(3)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def isTurned(roiNode: Any) -> bool:
    """Whether it does not lie along R, A and S, so that the box is larger than it."""
    matrix = roiNode.GetObjectToWorldMatrix()
    rows = [[abs(matrix.GetElement(row, column)) for column in range(3)] for row in range(3)]
    return any(sorted(row)[1] > 1e-3 * max(row) for row in rows)


def fit(roiNode: Any, volumeNode: Any) -> None:
    """Make the ROI the box of a volume in the world."""
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    roiNode.CreateDefaultDisplayNodes()
    roiNode.SetCenterWorld([(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)])
    roiNode.SetSizeWorld([bounds[2 * axis + 1] - bounds[2 * axis] for axis in range(3)])
