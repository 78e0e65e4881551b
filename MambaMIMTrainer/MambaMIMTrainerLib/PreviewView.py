"""Shows what the network makes of a validation case, in the slice views, as it learns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from MambaMIMLib import Log, Terminology
from MambaMIMLib.SegmentationResult import SegmentationResult
from MambaMIMLib.Steps import Steps
from MambaMIMTrainerLib import Background
from MambaMIMTrainerLib.CaseImage import readCaseImage


class PreviewView:
    """A volume and a segmentation of the scene, brought up to date with each preview.

    Attributes:
        volume: the validation case, None while it is not loaded.
    """

    def __init__(self) -> None:
        self.volume: Any = None
        self._case = ""
        self._result: SegmentationResult | None = None
        self._steps: Steps | None = None
        self._next: tuple[Any, ...] | None = None

    def show(self, case: Any, path: str, labels: dict[int, str]) -> None:
        """Show a label map over a case; while the last one is still coming, it waits.

        Args:
            case: of the training set.
            path: a label map (.nii.gz) on the case's grid.
            labels: value -> class.
        """
        self._next = (case, path, labels)
        if self._steps is None:
            self._take()

    def clear(self) -> None:
        """Take both out of the scene, unless the user has worked on the segmentation."""
        self.forget()
        self._clearNodes()

    def forget(self) -> None:
        """Stop what comes; the nodes are left alone."""
        if self._steps is not None:
            self._steps.stop()
        self._steps = self._next = None

    def _take(self) -> None:
        asked, self._next = self._next, None
        self._steps = Steps(self._work(*asked), self._onDone, self._onFailed)

    def _work(self, case: Any, path: str, labels: dict[int, str]) -> Iterator[None]:
        gone = self.volume is None or not slicer.mrmlScene.IsNodePresent(self.volume)
        if gone or self._case != case.id:
            yield from self._load(case)
        if self._result is None:
            self._result = SegmentationResult(
                self.volume, labels, Terminology.termsOf(labels.values())
            )
        labelMap = Path(slicer.app.temporaryPath) / f"mambamim-preview-{os.getpid()}.npy"
        yield from Background.steps(lambda: _unpack(Path(path), labelMap))
        for _step in self._result.showSteps(str(labelMap), False):
            yield None

    def _load(self, case: Any) -> Iterator[None]:
        read: Any = None
        for read in Background.steps(lambda: readCaseImage(case.image)):  # noqa: B007 - the last one
            yield None
        if self._case != case.id:
            self._clearNodes()
        node = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLScalarVolumeNode", _("{case} (validation)").format(case=case.id)
        )
        slicer.util.updateVolumeFromArray(node, read)
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.asarray(case.affine, float)))
        node.CreateDefaultDisplayNodes()
        self.volume, self._case, self._result = node, case.id, None
        slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _clearNodes(self) -> None:
        if self._result is not None:
            self._result.discard()
        if self.volume is not None and slicer.mrmlScene.IsNodePresent(self.volume):
            slicer.mrmlScene.RemoveNode(self.volume)
        self.volume, self._result, self._case = None, None, ""

    def _onDone(self, _last: Any) -> None:
        self._steps = None
        if self._next is not None:
            self._take()

    def _onFailed(self, error: Exception) -> None:
        """A preview that cannot be shown stops nothing; the next one may."""
        self._steps = None
        Log.exception(error)
        if self._next is not None:
            self._take()


def _unpack(source: Path, target: Path) -> None:
    """A label map as the scene's reader takes it, (I, J, K)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    np.save(target, readCaseImage(source).T)
