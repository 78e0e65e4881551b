"""The project folder: cases copied in, what is known of them, and the runs that learn from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mambamim.errors import BadInputError
from mambamim.project import edits
from mambamim.project.case import SPLITS, CaseRecord, ProjectCase, case_files
from mambamim.project.case_adding import AskedCase, add_steps
from mambamim.project.case_writer import remove_files
from mambamim.project.checks import (
    case_problems,
    changed_cases,
    present_classes,
    project_problems,
)
from mambamim.project.edits import change_record, find_record, known_classes
from mambamim.project.manifest import FILE_NAME, NO_CLASS, Manifest, checked_class
from mambamim.project.problem import Problem


class Project:
    """A training set in a folder, without anything that tells who the patients are.

    What is changed is on the disk when the call returns. What another process has changed since is
    kept: every change begins with what the disk has.

    Args:
        folder: with a manifest.

    Attributes:
        folder: where it is.

    Raises:
        BadInputError: the folder holds no project, or a damaged one.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._manifest = Manifest.read(self.folder)

    @classmethod
    def create(cls, folder: str | Path, classes: Iterable[str] = ()) -> Project:
        """Begin a project in a folder that has none; it is made if it is missing.

        Raises:
            BadInputError: there is a project, names that classes cannot have, or the folder cannot
                be written to.
        """
        folder = Path(folder)
        if (folder / FILE_NAME).exists():
            raise BadInputError(
                f"The folder {folder.name} holds a project already.", "Open it, or name another."
            )
        manifest = Manifest()
        edits.set_classes(manifest, classes)
        manifest.write(folder)
        return cls(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """The project in a folder; the same as `Project(folder)`."""
        return cls(folder)

    @staticmethod
    def is_at(folder: str | Path) -> bool:
        """Whether a folder looks like a project's."""
        return (Path(folder) / FILE_NAME).is_file()

    def reload(self) -> None:
        """Take what another process has changed.

        Raises:
            BadInputError: the project is damaged or gone.
        """
        self._manifest = Manifest.read(self.folder)

    @property
    def runs(self) -> Path:
        """The folder for the runs that learn from it; it may not exist."""
        return self.folder / "runs"

    @property
    def prepared(self) -> Path:
        """The folder for what training makes of the cases; it may be deleted at any time."""
        return self.folder / "prepared"

    @property
    def classes(self) -> list[str]:
        """What is learnt, in order."""
        return list(self._manifest.classes)

    @property
    def cases(self) -> list[ProjectCase]:
        """All cases, in the order in which they came."""
        return [self._shown(record) for record in self._manifest.cases]

    def case(self, id: str) -> ProjectCase:  # noqa: A002
        """One case.

        Raises:
            BadInputError: there is none with this id.
        """
        return self._shown(find_record(self._manifest, id))

    def set_classes(self, classes: Iterable[str]) -> None:
        """Say which classes are learnt, and in which order.

        Labels of a class that is left out count as background; they come back with the class.

        Raises:
            BadInputError: one name twice, or one that no class can have.
        """
        names = list(classes)
        self._change(lambda manifest: edits.set_classes(manifest, names))

    def relabel(self, old: str, new: str) -> None:
        """Call a class otherwise; where `new` is a class, the two become one.

        Args:
            old: name of labels.
            new: a name, or "background" to drop the labels, or "unknown" to let them be anything.

        Raises:
            BadInputError: there are no labels of that name, or no class can have the new one.
        """
        if new not in NO_CLASS:
            checked_class(new)
        self._change(lambda manifest: edits.relabel(manifest, old, new))

    def set_split(self, id: str, split: str) -> None:  # noqa: A002
        """Learn from a case ("train"), or keep it apart to see how well it goes ("validation").

        Raises:
            BadInputError: another word, or no such case.
        """
        if split not in SPLITS:
            raise BadInputError(f"There is no split {split!r:.20}.", "Use train or validation.")
        self._change(lambda manifest: change_record(manifest, id, split=split))

    def set_unknown(self, id: str, names: Iterable[str]) -> None:  # noqa: A002
        """Say which classes were not labelled in a case: its background may be any of them.

        Raises:
            BadInputError: a name that is no class, or no such case.
        """
        absent = tuple(names)
        self._change(lambda m: change_record(m, id, unknown=known_classes(m, absent)))

    def remove(self, id: str) -> None:  # noqa: A002
        """Delete a case and its files.

        Raises:
            BadInputError: there is none with this id.
        """

        def take_out(manifest: Manifest) -> None:
            manifest.cases.remove(find_record(manifest, id))

        self._change(take_out)
        remove_files(self.folder, id)

    def add_case(
        self,
        image: np.ndarray,
        labels: np.ndarray,
        affine: np.ndarray,
        values: dict[int, str],
        modality: str = "CT",
        unknown: Iterable[str] = (),
        replace: bool = False,
    ) -> ProjectCase:
        """`add_case_steps` in one go."""
        steps = self.add_case_steps(image, labels, affine, values, modality, unknown, replace)
        made: Any = deque(steps, maxlen=1).pop()
        assert isinstance(made, ProjectCase)
        return made

    def add_case_steps(
        self,
        image: np.ndarray,
        labels: np.ndarray,
        affine: np.ndarray,
        values: dict[int, str],
        modality: str = "CT",
        unknown: Iterable[str] = (),
        replace: bool = False,
    ) -> Iterator[float | ProjectCase]:
        """Copy a scan and its labels into the project, in steps of some milliseconds.

        About a fifth of the cases, the second one first, is kept apart for validation; `set_split`
        changes that. All is there at the end or nothing: an iterator that is closed early, and any
        error, leave no trace.

        Args:
            image: (I, J, K), HU in CT. Whole numbers are stored as int16 where they fit.
            labels: (I, J, K) whole numbers on the same grid.
            affine: (4, 4), voxel (i, j, k) to RAS mm.
            values: value in `labels` -> one of `classes`, "background" or "unknown".
            modality: "CT" or "MR".
            unknown: classes that were not labelled here.
            replace: where the project has the same scan, take these labels instead of its own;
                else that is an error.

        Yields:
            The share of the work done, 0..1, and last the case.

        Raises:
            BadInputError: arrays that are no scan and its labels, a name that is no class, a scan
                that the project has, or the disk is full.
        """
        asked = AskedCase(image, labels, np.asarray(affine, np.float64), values, modality)
        record = yield from add_steps(self.folder, asked, tuple(unknown), replace)
        self.reload()
        yield self._shown(record)

    def checks(self) -> list[Problem]:
        """What is wrong with all cases together; a case's own problems are in the case."""
        return project_problems(self._manifest)

    def blocking(self) -> list[str]:
        """Why the project cannot be trained on, a sentence each; nothing where it can."""
        own = [f"{case.id}: {p.message}" for case in self.cases for p in case.problems if p.blocks]
        return [*(p.message for p in self.checks() if p.blocks), *own]

    def verify(self) -> list[str]:
        """Read every file and name the cases whose scan or label map is not what was written."""
        return changed_cases(self.folder, self._manifest)

    def label_scheme(self) -> dict[str, Any]:
        """What the values of its label maps mean, as `mambamim.finetuning` reads it of a file."""
        absent = {f"{case.id}.nii.gz": list(case.unknown) for case in self._manifest.cases}
        return {
            "labels": {str(value): name for value, name in self._manifest.values.items()},
            "classes": self.classes,
            "unlabelled": {image: names for image, names in absent.items() if names},
        }

    def content_key(self, id: str) -> str:  # noqa: A002
        """Stands for a case's scan and label map, wherever the project is moved to."""
        record = find_record(self._manifest, id)
        return f"{record.image.sha256} {record.label.sha256}"

    def _shown(self, record: CaseRecord) -> ProjectCase:
        image, label, thumbnail = case_files(self.folder, record.id)
        return ProjectCase(
            record.id,
            present_classes(self._manifest, record),
            record.shape,
            record.spacing,
            np.array(record.affine),
            record.modality,
            record.split,
            frozenset(record.unknown),
            tuple(case_problems(self.folder, self._manifest, record)),
            image,
            label,
            thumbnail,
            record.sha256,
        )

    def _change(self, change: Callable[[Manifest], None]) -> None:
        manifest = Manifest.read(self.folder)
        change(manifest)
        manifest.write(self.folder)
        self._manifest = manifest
