"""The 3D view: closed surfaces of segmentations, models, markups, volume rendering."""

from typing import Any

import slicer

from .window import RenderWindow

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager", "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager", "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager", "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
)  # fmt: skip


class ThreeDView:
    """Renders what the view node `node` (vtkMRMLViewNode) shows."""

    def __init__(self, node: Any, application_logic: Any) -> None:
        self.node = node
        self.target = RenderWindow()
        renderer = self.target.renderer
        renderer.GradientBackgroundOn()
        renderer.SetBackground(0.757, 0.765, 0.910)
        renderer.SetBackground2(0.455, 0.471, 0.745)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, renderer)
        self._managers.SetMRMLDisplayableNode(node)

    def reset(self) -> None:
        """Look at everything from the front, a little from above. The box and its letters lie
        around the origin where there is nothing else, and are left out as Slicer leaves them."""
        camera = self.target.renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(0.35, 1, 0.3)
        camera.SetViewUp(0, 0, 1)
        shown = self.node.GetBoxVisible(), self.node.GetAxisLabelsVisible()
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        self.target.renderer.ResetCamera()
        self.node.SetBoxVisible(shown[0])
        self.node.SetAxisLabelsVisible(shown[1])
        camera.Zoom(1.2)
        self.target.renderer.ResetCameraClippingRange()

    def picture(self, size: tuple[int, int], reset: bool = False) -> Any:
        """Return the view as vtkImageData of `size` pixels."""
        self.target.window.SetSize(*size)
        self.target.window.Render()
        if reset:
            self.reset()
        return self.target.picture()
