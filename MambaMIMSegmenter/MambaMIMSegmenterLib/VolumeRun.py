"""One volume on its way through the worker: exported, worked on, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from MambaMIMLib import WorkerTrouble
from MambaMIMLib.JobRun import JobRun
from MambaMIMLib.VolumeExport import checkVolume, exportSteps
from MambaMIMLib.WorkerJob import WorkerLike
from MambaMIMSegmenterLib.RunFolder import makeRunFolder, removeRunFolder


class VolumeRun(JobRun):
    """A job for one volume, with a folder of its own; it ends when the scene is closed.

    Args:
        worker: does the work.
        job: kind of work, as the worker knows it.
        volumeNode: only read.
        makeFolder: gives a folder for the run's files, which goes with the run.
    """

    BAR = (0.03, 0.99)

    def __init__(
        self,
        worker: WorkerLike,
        job: str,
        volumeNode: Any,
        makeFolder: Callable[[], Path] = makeRunFolder,
    ) -> None:
        self.volumeNode = volumeNode
        self._makeFolder = makeFolder
        self._folder: Path | None = None
        scene = slicer.mrmlScene
        self._closing = scene.AddObserver(scene.StartCloseEvent, self._onSceneClosing)
        super().__init__(worker, job)

    def _check(self) -> None:
        """Look at what is asked for, before anything is written; the volume is a sound one.

        Raises:
            BadInputError: it cannot be done.
        """

    def _parameters(self, folder: Path) -> dict[str, Any]:
        """What the worker is told besides the volume.

        Args:
            folder: of the run's files.
        """
        raise NotImplementedError

    def _before(self) -> Iterator[dict[str, Any] | None]:
        checkVolume(self.volumeNode)
        self._check()
        self.progressed(0.0, _("Handing the volume over"), None)
        folder = self._folder = self._makeFolder()
        files = yield from self._exported(folder)
        self.progressed(self.BAR[0], _("Waiting for the worker"), None)
        yield {**self._parameters(folder), "input": files.array, "affine": files.affine}

    def _exported(self, folder: Path) -> Iterator[None]:
        """Write the volume; a generator that returns its `VolumeFiles`."""
        for files in exportSteps(self.volumeNode, folder):
            if files is not None:
                return files
            yield None

    def _close(self) -> None:
        super()._close()
        slicer.mrmlScene.RemoveObserver(self._closing)
        if self._folder is not None:
            removeRunFolder(self._folder)

    def _volumeThere(self) -> bool:
        return bool(slicer.mrmlScene.IsNodePresent(self.volumeNode))

    def _onSceneClosing(self, _scene: Any, _event: Any) -> None:
        job = self._job
        self._fail(WorkerTrouble.stopped())
        if job is not None:
            job.cancel()
