"""Views of a layout that the stand-in's layout manager does not put on the screen."""

from collections.abc import Iterable
from typing import Any

import slicer


def addSliceLogics(names: Iterable[str]) -> list[Any]:
    """The logics of slice views, as Slicer's layout manager makes them with the views.

    Args:
        names: of slice nodes in the scene.
    """
    application = slicer.app.applicationLogic()
    known = application.GetSliceLogics()
    there = [known.GetItemAsObject(i) for i in range(known.GetNumberOfItems())]
    found = {logic.GetSliceNode().GetLayoutName(): logic for logic in there}
    logics = []
    for name in names:
        logic = found.get(name)
        if logic is None:
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(application)
            known.AddItem(logic)
            logic.SetMRMLScene(slicer.mrmlScene)
            logic.SetSliceNode(slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode"))
        logics.append(logic)
    return logics
