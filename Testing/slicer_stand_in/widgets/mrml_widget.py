"""qMRMLWidget: a widget that knows the scene."""

from collections.abc import Callable
from typing import Any

from ..pythonqt.signals import send
from .behaviour import Behaviour, behind


@behind("qMRMLWidget", "qSlicerWidget")
class MRMLWidget(Behaviour):
    scene: Any = None

    def mrmlScene(self) -> Any:
        return self.scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self.scene:
            self.scene = scene
            self.scene_changed()
            send(self.q, "mrmlSceneChanged(vtkMRMLScene*)", scene)

    def scene_changed(self) -> None:
        """What a derived widget does with another scene."""


class Observations:
    """VTK observers of one widget, taken away together, and when the widget goes."""

    def __init__(self, owner: Any) -> None:
        self._made: list[tuple[Any, int]] = []
        owner.connect("destroyed()", self.clear)

    def add(self, subject: Any, event: Any, call: Callable[[], None]) -> None:
        self._made.append((subject, subject.AddObserver(event, lambda *_: call())))

    def clear(self) -> None:
        for subject, tag in self._made:
            subject.RemoveObserver(tag)
        self._made.clear()
