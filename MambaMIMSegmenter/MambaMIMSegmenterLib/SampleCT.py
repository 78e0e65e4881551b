"""The sample that MambaMIM brings: a synthetic abdominal CT, painted when it is asked for.

Slicer imports this when it starts: what paints and loads the CT is imported when it is wanted.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import SampleData
import slicer
from slicer.i18n import tr as _

import mambamim

SAMPLE = "MambaMIMSyntheticCT"  # its name in SampleData
_STATUS_MS = 10000


def samplePath() -> Path:
    """Where the CT is kept: among Slicer's downloads, which its settings of the cache delete.

    Another version of the program paints another one.
    """
    cache = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
    return Path(cache) / f"MambaMIM-synthetic-CT-{mambamim.__version__}.nii.gz"


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
    from MambaMIMLib import Log
    from MambaMIMLib.PythonChoice import choosePython
    from MambaMIMLib.WorkerProcess import WorkerProcess
    from MambaMIMSegmenterLib.SampleRun import SampleRun

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
