"""The sample CT on its way into the scene: painted where it is not kept yet, then loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from mambamim.errors import BadInputError
from MambaMIMLib.JobRun import JobRun
from MambaMIMLib.VolumeExport import plainDiskError
from MambaMIMLib.WorkerJob import WorkerLike
from MambaMIMSegmenterLib import SampleCT

_WINDOW_HU, _LEVEL_HU = 400, 40  # as an abdomen is looked at


class SampleRun(JobRun):
    """Loads the CT; `succeeded` gives the volume node.

    Args:
        worker: paints it.
    """

    def __init__(self, worker: WorkerLike) -> None:
        self._path = SampleCT.samplePath()
        super().__init__(worker, "sample_ct")

    def _before(self) -> Iterator[dict[str, Any] | None]:
        try:
            if self._path.is_file():
                yield None
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise plainDiskError(error, self._path.parent) from error
        yield {"output": str(self._path)}

    def _after(self, _result: dict[str, Any]) -> None:
        try:
            node = loadSample(self._path)
        except BadInputError as error:
            self._giveUp(error)
            return
        self._succeed(node)


def loadSample(path: Path) -> Any:
    """Load the painted CT into the scene and return the volume node.

    Raises:
        BadInputError: it cannot be read; it is deleted, so that the next try paints it anew.
    """
    try:
        node = slicer.util.loadVolume(str(path), {"name": _("Synthetic CT")})
    except RuntimeError as error:
        path.unlink(missing_ok=True)
        raise BadInputError(
            _("The sample CT that was kept on this computer could not be read."),
            _("It was deleted; load it again."),
        ) from error
    storage = node.GetStorageNode()
    if storage is not None:  # a scene that is saved must not depend on what may be deleted
        node.SetAndObserveStorageNodeID(None)
        slicer.mrmlScene.RemoveNode(storage)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(_WINDOW_HU, _LEVEL_HU)
    return node
