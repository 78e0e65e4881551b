"""Starts runs, and waits for one where a script wants that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import slicer

from mambamim.catalogue import find_model
from mambamim.errors import MambaMIMError
from MambaMIMLib.WorkerJob import WorkerLike
from MambaMIMSegmenterLib.Scans import Scan
from MambaMIMSegmenterLib.SegmentBatch import SegmentBatch
from MambaMIMSegmenterLib.SegmentOptions import SegmentOptions
from MambaMIMSegmenterLib.SegmentRun import SegmentOutcome, SegmentRun

_PAUSE = 0.005  # seconds between two rounds of events


class SegmentLogic:
    """What the panel and scripts do with a worker.

    Args:
        worker: does the work.
    """

    def __init__(self, worker: WorkerLike) -> None:
        self._worker = worker

    def start(self, volumeNode: Any, options: SegmentOptions) -> SegmentRun:
        """Segment a volume; nothing is told before this has returned."""
        return SegmentRun(self._worker, volumeNode, options)

    def startBatch(self, scans: Sequence[Scan], options: SegmentOptions) -> SegmentBatch:
        """Segment scans one after another, once `begin()` of what is returned is called."""
        return SegmentBatch(scans, options, self.start)

    def segment(self, volumeNode: Any, model: str, **options: Any) -> SegmentOutcome:
        """Segment a volume and wait for it; Slicer stays live meanwhile.

        Args:
            volumeNode: the scan.
            model: name in the catalogue, or path of a checkpoint.
            options: of `SegmentOptions`, by name.

        Raises:
            MambaMIMError: it could not be done; says why.
        """
        run = self.start(volumeNode, SegmentOptions(find_model(model), **options))
        outcomes, failures = [], []
        run.succeeded.connect(outcomes.append)
        run.failed.connect(failures.append)
        while run.active:
            slicer.app.processEvents()
            time.sleep(_PAUSE)
        if failures:
            raise MambaMIMError(failures[0].message, failures[0].hint)
        return outcomes[0]
