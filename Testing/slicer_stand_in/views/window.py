"""A render window off screen, and its picture."""

from pathlib import Path
from typing import Any

import vtk
from PySide6 import QtGui
from vtkmodules.util.numpy_support import vtk_to_numpy

from .. import environment


class RenderWindow:
    """One renderer in a window of its own, of `size` (width, height) pixels."""

    def __init__(self, size: tuple[int, int] = (400, 400)) -> None:
        if environment.missing_for_rendering():
            raise RuntimeError(environment.missing_for_rendering())
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())

    def picture(self) -> Any:
        """Render; return the vtkImageData of what is seen."""
        self.window.Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self.window)
        reader.ReadFrontBufferOff()
        reader.Update()
        return reader.GetOutput()


def save(picture: Any, path: str | Path) -> Path:
    """Write a picture as PNG; return its path."""
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(picture)
    writer.Write()
    return Path(path)


def qt_image(picture: Any) -> QtGui.QImage:
    """Return a picture for Qt, whose rows go from top to bottom."""
    width, height, _ = picture.GetDimensions()
    rows = vtk_to_numpy(picture.GetPointData().GetScalars()).reshape(height, width, -1)
    data = rows[::-1, :, :3].copy()
    image = QtGui.QImage(data.data, width, height, 3 * width, QtGui.QImage.Format_RGB888)
    return image.copy()
