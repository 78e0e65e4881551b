"""One slice view: the volumes of its composite node, and segmentations and markups over them."""

from typing import Any

import slicer
import vtk

from .window import RenderWindow

_MANAGERS = (
    "vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager", "vtkMRMLRulerDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager", "vtkMRMLColorLegendDisplayableManager",
)  # fmt: skip


class SliceView:
    """Renders what the slice logic `logic` (vtkMRMLSliceLogic) shows."""

    def __init__(self, logic: Any, application_logic: Any) -> None:
        self.logic = logic
        self.target = RenderWindow()
        renderer = self.target.renderer
        renderer.GetActiveCamera().ParallelProjectionOn()
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self._mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, renderer)
        self._managers.SetMRMLDisplayableNode(logic.GetSliceNode())

    def picture(self, size: tuple[int, int], fit: bool = False, offset: float | None = None) -> Any:
        """Return the view as vtkImageData of `size` pixels; `offset` in mm along the normal."""
        self.target.window.SetSize(*size)
        self.logic.GetSliceNode().SetDimensions(*size, 1)
        self.logic.ResizeSliceNode(*size)
        if fit:
            self.logic.FitSliceToAll()
        if offset is not None:
            self.logic.SetSliceOffset(offset)
        self.logic.UpdatePipeline()
        self._mapper.SetInputConnection(self.logic.GetImageDataConnection())
        # Without a volume there is no image, and a mapper without input complains.
        self._mapper_prop().SetVisibility(self.logic.GetImageDataConnection() is not None)
        return self.target.picture()

    def _mapper_prop(self) -> Any:
        return self.target.renderer.GetViewProps().GetItemAsObject(0)
