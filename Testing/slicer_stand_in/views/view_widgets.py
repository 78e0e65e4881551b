"""The widgets that the layout manager hands out: qMRMLSliceWidget, qMRMLThreeDWidget and their
views."""

from typing import Any

import slicer
from PySide6 import QtGui, QtWidgets

from .. import environment
from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import behaviour, made_classes
from ..widgets.layouts import column
from .slice_view import SliceView
from .three_d_view import ThreeDView
from .window import qt_image

_scene: Any = None
_slice_views: dict[str, SliceView] = {}
_three_d_views: list[ThreeDView] = []


def prepare(scene: Any) -> None:
    """Say which scene the views are of."""
    global _scene
    _scene = scene


def slice_view(name: str) -> SliceView:
    """Return the slice view called Red, Green or Yellow, made when first asked for."""
    if name not in _slice_views:
        _slice_views[name] = SliceView(_scene.slice_logics[name], _scene.application_logic)
    return _slice_views[name]


def three_d_view() -> ThreeDView:
    """Return the 3D view, made when first asked for."""
    if not _three_d_views:
        node = _scene.mrml.GetSingletonNode("1", "vtkMRMLViewNode")
        _three_d_views.append(ThreeDView(node, _scene.application_logic))
    return _three_d_views[0]


class RenderedView(Behaviour):
    """A widget that paints a rendered picture of its own size."""

    reset = False
    background = "black"

    def start(self) -> None:
        expanding = QtWidgets.QSizePolicy.Expanding
        self.q.setSizePolicy(expanding, expanding)
        self.q.setMinimumSize(80, 80)

    def picture(self, size: tuple[int, int]) -> Any:
        raise NotImplementedError

    def paintEvent(self, _event: Any) -> None:
        painter = QtGui.QPainter(self.q)
        painter.fillRect(self.q.rect, QtGui.QColor(self.background))
        if not environment.missing_for_rendering():
            picture = self.picture((self.q.width, self.q.height))
            if picture is not None:
                painter.drawImage(0, 0, qt_image(picture))
        painter.end()

    def scheduleRender(self) -> None:
        self.q.update()

    forceRender = scheduleRender


@behind("qMRMLSliceView")
class SliceViewWidget(RenderedView):
    name = "Red"

    def picture(self, size: tuple[int, int]) -> Any:
        fit, self.reset = self.reset, False
        return slice_view(self.name).picture(size, fit)

    def sliceViewName(self) -> str:
        return self.name

    def mrmlSliceNode(self) -> Any:
        return _scene.slice_logics[self.name].GetSliceNode()

    def renderWindow(self) -> Any:
        return slice_view(self.name).target.window

    def interactor(self) -> Any:
        return slice_view(self.name).target.interactor


class _OfSlice(Behaviour):
    name = "Red"

    def sliceLogic(self) -> Any:
        return _scene.slice_logics[self.name]

    def mrmlSliceNode(self) -> Any:
        return self.sliceLogic().GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self.sliceLogic().GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self.sliceLogic().FitSliceToBackground()


@behind("qMRMLSliceControllerWidget")
class SliceController(_OfSlice):
    def setSliceVisible(self, visible: bool) -> None:
        self.mrmlSliceNode().SetSliceVisible(visible)

    def setSliceOffsetValue(self, offset: float) -> None:
        self.sliceLogic().SetSliceOffset(offset)


@behind("qMRMLSliceWidget")
class SliceWidget(_OfSlice):
    def start(self) -> None:
        classes = made_classes()
        self.view = classes["qMRMLSliceView"]()
        behaviour(self.view).reset = True
        self.controller = classes["qMRMLSliceControllerWidget"](self.q)
        self.controller.hide()
        column(self.q, self.view)

    def show_view(self, name: str) -> None:
        self.name = self.values["sliceViewName"] = name
        behaviour(self.view).name = behaviour(self.controller).name = name
        self.q.setObjectName(f"qMRMLSliceWidget{name}")

    def sliceView(self) -> Any:
        return self.view

    def sliceController(self) -> Any:
        return self.controller

    def setMRMLScene(self, scene: Any) -> None:
        """Every view is of the application's scene."""


class _OfThreeD(Behaviour):
    def mrmlViewNode(self) -> Any:
        return _scene.mrml.GetSingletonNode("1", "vtkMRMLViewNode")

    def resetFocalPoint(self) -> None:
        three_d_view().reset()


@behind("qMRMLThreeDView")
class ThreeDViewWidget(_OfThreeD, RenderedView):
    def picture(self, size: tuple[int, int]) -> Any:
        reset, self.reset = self.reset, False
        return three_d_view().picture(size, reset)

    def resetCamera(self, *_what: bool) -> None:
        self.reset = True

    def cameraNode(self) -> Any:
        return slicer.modules.cameras.logic().GetViewActiveCameraNode(self.mrmlViewNode())

    def renderWindow(self) -> Any:
        return three_d_view().target.window

    def renderer(self) -> Any:
        return three_d_view().target.renderer

    def interactor(self) -> Any:
        return three_d_view().target.interactor


@behind("qMRMLThreeDViewControllerWidget")
class ThreeDController(_OfThreeD):
    """Its only button here is the one that resets the focal point."""


@behind("qMRMLThreeDWidget")
class ThreeDWidget(_OfThreeD):
    def start(self) -> None:
        self.view = made_classes()["qMRMLThreeDView"]()
        self.controller = made_classes()["qMRMLThreeDViewControllerWidget"](self.q)
        self.controller.hide()
        behaviour(self.view).reset = True
        column(self.q, self.view)

    def threeDView(self) -> Any:
        return self.view

    def threeDController(self) -> Any:
        return self.controller

    def setMRMLScene(self, scene: Any) -> None:
        """Every view is of the application's scene."""
