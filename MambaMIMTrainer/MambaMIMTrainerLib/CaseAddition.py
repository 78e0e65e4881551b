"""Puts a scan of the scene with its segmentation into the training set, while all stays live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from mambamim.errors import BadInputError
from MambaMIMLib.JobRun import JobRun
from MambaMIMLib.VolumeExport import affineOf, checkVolume
from MambaMIMLib.WorkerJob import JobFailure
from MambaMIMTrainerLib.LabelExport import labelSteps


class CaseAddition(JobRun):
    """Watched like a `WorkerJob`; succeeds with the case. A stop adds nothing.

    Args:
        project: the open training set.
        volumeNode: the scan; it is only read.
        segmentationNode: its segmentation; it is only read.
        mapping: id of a segment -> class.
        modality: "CT" or "MR".
        unknown: classes that are in the scan and not labelled.
        replace: take these labels where the set has the scan already.
    """

    def __init__(
        self,
        project: Any,
        volumeNode: Any,
        segmentationNode: Any,
        mapping: Mapping[str, str],
        modality: str,
        unknown: tuple[str, ...] = (),
        replace: bool = False,
    ) -> None:
        self._project, self._volume, self._segmentation = project, volumeNode, segmentationNode
        self._mapping, self._modality, self._unknown = dict(mapping), modality, tuple(unknown)
        self._replace, self._classes, self._case = replace, list(project.classes), None
        super().__init__(None, "")

    def _before(self) -> Iterator[Any]:
        checkVolume(self._volume)
        if not self._mapping:
            raise BadInputError(
                _("No segment has a class."), _("Give at least one segment a class.")
            )
        names = list(dict.fromkeys(self._mapping.values()))
        values = {name: value for value, name in enumerate(names, start=1)}
        # A view (I, J, K), which keeps the voxels alive whatever becomes of the volume.
        image, affine = slicer.util.arrayFromVolume(self._volume).T, affineOf(self._volume)
        yield None
        self.progressed(0.02, _("reading the segments"), None)
        labels: Any = None
        painted = {segment: values[name] for segment, name in self._mapping.items()}
        for labels in labelSteps(self._segmentation, self._volume, painted):  # noqa: B007 - the last one is it
            yield None
        new = [name for name in names if name not in self._classes]
        if new:
            self._project.set_classes([*self._classes, *new])
        told: Any = None
        for told in self._project.add_case_steps(
            image,
            labels,
            np.array(affine),
            {value: name for name, value in values.items()},
            self._modality,
            unknown=[name for name in self._unknown if name not in values],
            replace=self._replace,
        ):
            if isinstance(told, float):
                self.progressed(0.2 + 0.8 * told, _("packing the scan"), None)
            yield None
        self._case = told

    def _after(self, _result: dict[str, Any]) -> None:
        self._succeed(self._case)

    def _fail(self, failure: JobFailure) -> None:
        """Nothing was added: neither are its classes."""
        if self.active and list(self._project.classes) != self._classes:
            self._project.set_classes(self._classes)
        super()._fail(failure)
