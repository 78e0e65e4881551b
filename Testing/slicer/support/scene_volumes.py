"""Volumes in the scene, turned and transformed in every way that matters."""

import numpy as np
import slicer
import vtk


def matrix(rows) -> vtk.vtkMatrix4x4:
    """A vtkMatrix4x4 from a (4, 4) array."""
    made = vtk.vtkMatrix4x4()
    made.DeepCopy(np.asarray(rows, float).ravel())
    return made


def rotation(degrees: float, axis=(0, 0, 1), shift=(0, 0, 0)) -> np.ndarray:
    """(4, 4): a turn about an axis through the origin, and then a shift in mm."""
    transform = vtk.vtkTransform()
    transform.RotateWXYZ(degrees, *axis)
    turned = transform.GetMatrix()
    made = np.array([[turned.GetElement(i, j) for j in range(4)] for i in range(4)])
    made[:3, 3] = shift
    return made


# Voxel (i, j, k) to RAS mm of one and the same place, as scanners and programs store it.
GRIDS = {
    "RAS": np.diag([1.5, 1.2, 2.0, 1]) + np.array([[0, 0, 0, -9]] * 3 + [[0] * 4]),
    "LPS": np.diag([-1.5, -1.2, 2.0, 1]) + np.array([[0, 0, 0, 9]] * 2 + [[0, 0, 0, -9], [0] * 4]),
    "sagittal": np.array([[0, 0, 1.5, -9], [1.2, 0, 0, -9], [0, -2.0, 0, 9], [0, 0, 0, 1.0]]),
    "oblique": rotation(23, (1, 2, 3), (-8, -7, -9)) @ np.diag([1.5, 1.2, 1.7, 1]),
}


def add_volume(array, affine=None, name="A Patient's CT"):
    """A scalar volume node from an (I, J, K) array, with a voxel to RAS mm matrix."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(np.transpose(array)))
    if affine is not None:
        node.SetIJKToRASMatrix(matrix(affine))
    return node


def put_under_transform(node, rows, above=None):
    """Put a node under a linear transform node; returns that."""
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(matrix(rows))
    if above is not None:
        transform.SetAndObserveTransformNodeID(above.GetID())
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def centre_of(affine, inside) -> np.ndarray:
    """The centroid in mm of the voxels of an (I, J, K) bool array."""
    return (np.asarray(affine) @ [*np.argwhere(inside).mean(axis=0), 1])[:3]
