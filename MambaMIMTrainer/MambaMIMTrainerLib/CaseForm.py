"""Adds the open case: which scan, which segmentation, which segment is which class."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from MambaMIMLib.Signal import Signal
from MambaMIMTrainerLib import SegmentFacts
from MambaMIMTrainerLib.ClassMap import ClassMap

_AIR = -400  # HU; only CT has values this low
_SAMPLES = 20_000


class CaseForm:
    """What stands below the two selectors of the .ui file.

    Args:
        ui: `caseVolumeSelector`, `caseSegmentationSelector`, `modalityBox`, `classMapPlace`,
            `caseNote`.

    Attributes:
        changed: Signal(), what is missing may be another.
    """

    def __init__(self, ui: Any) -> None:
        self.changed = Signal()
        self.ui, self.classMap = ui, ClassMap()
        self._project: Any = None
        self._known: list[str] = []
        self._seen: tuple[Any, ...] = ()
        ui.classMapPlace.layout().addWidget(self.classMap.widget)
        for modality in ("CT", "MR"):
            ui.modalityBox.addItem(modality, modality)
        self.classMap.changed.connect(self.update)

    @property
    def volume(self) -> Any:
        """The scan, None for none."""
        return self.ui.caseVolumeSelector.currentNode()

    @property
    def segmentation(self) -> Any:
        """Its segmentation, None for none."""
        return self.ui.caseSegmentationSelector.currentNode()

    @property
    def modality(self) -> str:
        """Of the scan."""
        return str(self.ui.modalityBox.currentData)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Classes of the set that no segment has: taken as not labelled here."""
        there = set(self.classMap.mapping.values())
        classes = [] if self._project is None else self._project.classes
        return tuple(name for name in classes if name not in there)

    def setProject(self, project: Any, known: list[str]) -> None:
        """Another training set; `known` are the classes of the model that is begun with."""
        self._project, self._known = project, list(known)
        self.refresh()

    def refresh(self) -> None:
        """Look again what the segmentation holds."""
        segments = SegmentFacts.segmentsOf(self.segmentation)
        classes = [] if self._project is None else list(self._project.classes)
        self.classMap.fill(segments, list(dict.fromkeys([*classes, *self._known])))
        if self.volume is not None:
            guess = modalityOf(self.volume)
            self.ui.modalityBox.currentIndex = self.ui.modalityBox.findData(guess)
        self.update()

    def onSceneChanged(self) -> None:
        """Other nodes or segments may be there: look again if so."""
        now = (self.volume, self.segmentation, SegmentFacts.segmentsOf(self.segmentation))
        if now != self._seen:
            self._seen = now
            self.refresh()

    def update(self) -> None:
        """Say what is missing, or what will be taken for not labelled."""
        missing = self.missing()
        self.classMap.widget.setVisible(self.segmentation is not None)
        note = missing
        if not missing and self.unknown:
            note = _("Taken as not labelled here, so not learnt from: {names}.").format(
                names=", ".join(self.unknown)
            )
        self.ui.caseNote.text = note
        self.ui.caseNote.setVisible(bool(note))
        self.changed()

    def missing(self) -> str:
        """Why nothing can be added yet, empty if it can."""
        if self._project is None:
            return _("First make a new training set, or open one.")
        if self.volume is None:
            return _("First load a scan.")
        if self.segmentation is None:
            return _("First segment the scan: with MambaMIM Segmenter, or by hand.")
        if not self.classMap.mapping:
            return _("First give at least one segment a class.")
        return ""


def modalityOf(volumeNode: Any) -> str:
    """What DICOM says, else what the intensities look like: "CT" or "MR"."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volumeNode)
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    said = hierarchy.GetItemAttribute(item, name) if item else ""
    if said in ("CT", "MR"):
        return said
    if volumeNode.GetImageData() is None:
        return "CT"
    voxels = slicer.util.arrayFromVolume(volumeNode).reshape(-1)
    few = voxels[:: max(1, len(voxels) // _SAMPLES)]
    return "CT" if (few < _AIR).mean() > 0.02 else "MR"
