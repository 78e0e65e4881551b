"""The sample that MambaMIM brings: a synthetic abdominal CT, painted when it is asked for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import SampleData
import slicer
from slicer.i18n import tr as _

import mambamim
from mambamim.errors import BadInputError
from MambaMIMLib import Log
from MambaMIMLib.PythonChoice import choosePython
from MambaMIMLib.Signal import Signal
from MambaMIMLib.Steps import Steps
from MambaMIMLib.VolumeExport import plainDiskError
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob
from MambaMIMLib.WorkerProcess import WorkerProcess
from MambaMIMSegmenterLib.SegmentRun import WorkerLike

SAMPLE = "MambaMIMSyntheticCT"  # its name in SampleData
_STATUS_MS = 10000


def samplePath() -> Path:
    """Where the CT is kept: among Slicer's downloads, which its settings of the cache delete.

    Another version of the program paints another one.
    """
    cache = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
    return Path(cache) / f"MambaMIM-synthetic-CT-{mambamim.__version__}.nii.gz"


class SampleRun:
    """Loads the CT, painted first if it is not kept yet; watched like a `WorkerJob`.

    Nothing is told before it has returned.

    Args:
        worker: paints it.
    """

    def __init__(self, worker: WorkerLike) -> None:
        self.progressed = Signal()  # (fraction 0..1, message, seconds left or None)
        self.logged = Signal()  # (level, message)
        self.succeeded = Signal()  # (volume node)
        self.failed = Signal()  # (JobFailure)
        self.ended = Signal()  # (), after either
        self.active = True
        self._worker, self._path = worker, samplePath()
        self._job: WorkerJob | None = None
        # The first step comes when the owner has connected.
        self._steps = Steps(iter([None]), lambda _last: self._begin(), self._giveUp)

    def cancel(self) -> None:
        """Stop it; what was painted in part is not kept."""
        if not self.active:
            return
        if self._job is not None and self._job.active:
            self._job.cancel()  # its failure ends the run
        else:
            self._fail(JobFailure("cancelled", _("Cancelled.")))

    def _begin(self) -> None:
        try:
            if self._path.is_file():
                self._load()
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            job = self._job = self._worker.submit("sample_ct", {"output": str(self._path)})
        except OSError as error:
            self._giveUp(plainDiskError(error, self._path.parent))
            return
        except BadInputError as error:
            self._giveUp(error)
            return
        job.progressed.connect(self.progressed)
        job.logged.connect(self.logged)
        job.succeeded.connect(lambda _result: self._load())
        job.failed.connect(self._fail)

    def _load(self) -> None:
        try:
            node = loadSample(self._path)
        except BadInputError as error:
            self._giveUp(error)
            return
        self.active = False
        self.succeeded(node)
        self.ended()

    def _giveUp(self, error: BadInputError) -> None:
        self._fail(JobFailure(error.kind, error.message, error.hint))

    def _fail(self, failure: JobFailure) -> None:
        if not self.active:
            return
        self.active = False
        self._steps.stop()
        self.failed(failure)
        self.ended()


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
    return node


def register(iconPath: str) -> None:
    """List the CT in Slicer's Sample Data module.

    Args:
        iconPath: picture of its button.
    """
    path = samplePath()
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="MambaMIM",
        sampleName=SAMPLE,
        # Once it is painted, SampleData.downloadSample() takes it from there.
        uris=path.as_uri(),
        fileNames=path.name,
        nodeNames=_("Synthetic CT"),
        thumbnailFileName=iconPath,
        loadFileType="VolumeFile",
        customDownloader=_download,
    )


def _download(_source: Any) -> Any:
    """Load the CT while the application stays live, and return its node."""
    worker = WorkerProcess(choosePython)
    slicer.app.connect("aboutToQuit()", worker.stop)
    run, nodes, failures = SampleRun(worker), [], []
    run.succeeded.connect(nodes.append)
    run.failed.connect(failures.append)
    run.progressed.connect(_showProgress)
    while run.active:
        slicer.app.processEvents()
        time.sleep(0.01)
    slicer.app.disconnect("aboutToQuit()", worker.stop)
    worker.stop()
    if failures:
        text = " ".join(filter(None, (failures[0].message, failures[0].hint)))
        slicer.util.showStatusMessage(text, _STATUS_MS)
        Log.error(text)
        return None
    slicer.util.showStatusMessage(_("The synthetic CT is loaded."), _STATUS_MS)
    return nodes[0]


def _showProgress(fraction: float, message: str, secondsLeft: float | None) -> None:
    percent = round(100 * fraction)
    slicer.util.showStatusMessage(
        _("Synthetic CT: {what} ({percent} %)").format(what=message, percent=percent)
    )
