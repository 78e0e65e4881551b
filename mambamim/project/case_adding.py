"""A new case: written, then listed, so that the manifest never lists what is not whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mambamim.errors import BadInputError
from mambamim.project.case import CaseRecord, case_files
from mambamim.project.case_writer import (
    NewCase,
    fingerprint_steps,
    remove_files,
    write_case_steps,
)
from mambamim.project.edits import known_classes
from mambamim.project.manifest import NO_CLASS, Manifest

_KEPT_APART = 0.2  # of the cases, where nobody says otherwise


@dataclass(frozen=True, eq=False)
class AskedCase:
    """What `Project.add_case_steps` is given."""

    image: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    values: dict[int, str]
    modality: str


def add_steps(
    folder: Path, asked: AskedCase, unknown: tuple[str, ...], replace: bool
) -> Generator[float, None, CaseRecord]:
    """See `Project.add_case_steps`; returns what is listed then."""
    manifest = Manifest.read(folder)
    new = _new_case(manifest, asked)
    absent = known_classes(manifest, unknown)
    kind, sha256 = yield from fingerprint_steps(asked.image)
    same = next((case for case in manifest.cases if case.sha256 == sha256), None)
    if same is not None and not replace:
        raise BadInputError(
            f"The project has this scan already, as {same.id}.",
            "Replace its labels, or remove it first.",
        )
    id = _next_id(folder, manifest)  # noqa: A001
    record = yield from write_case_steps(folder, new, id, kind, sha256)
    try:
        return _list(folder, dataclasses.replace(record, unknown=absent))
    except BaseException:
        remove_files(folder, id)
        raise


def _new_case(manifest: Manifest, asked: AskedCase) -> NewCase:
    for name in asked.values.values():
        if name not in (*manifest.classes, *NO_CLASS):
            raise BadInputError(f"{name!r:.60} is no class of the project.", "Add it first.")
    table = {
        int(value): 0 if name == NO_CLASS[0] else manifest.value_of(name)
        for value, name in asked.values.items()
    }
    return NewCase(asked.image, asked.labels, asked.affine, table, manifest.values, asked.modality)


def _list(folder: Path, record: CaseRecord) -> CaseRecord:
    """List a case whose files are written, instead of the one with the same scan."""
    manifest = Manifest.read(folder)  # which may have changed while the files were written
    same = next((case for case in manifest.cases if case.sha256 == record.sha256), None)
    split = _split_of_next(manifest) if same is None else same.split
    listed = dataclasses.replace(record, split=split)
    place = len(manifest.cases) if same is None else manifest.cases.index(same)
    manifest.cases[place : place + 1] = [listed]
    manifest.next = max(manifest.next, int(record.id.removeprefix("case-")) + 1)
    manifest.write(folder)
    if same is not None:
        remove_files(folder, same.id)
    return listed


def _split_of_next(manifest: Manifest) -> str:
    """Where the next case goes."""
    apart = sum(case.split == "validation" for case in manifest.cases)
    count = len(manifest.cases) + 1
    wanted = max(1, round(_KEPT_APART * count)) if count > 1 else 0
    return "validation" if apart < wanted else "train"


def _next_id(folder: Path, manifest: Manifest) -> str:
    """An id that no case has had, nor a file that a killed process has left."""
    number = manifest.next
    while any(path.exists() for path in case_files(folder, f"case-{number:04d}")):
        number += 1
    return f"case-{number:04d}"
