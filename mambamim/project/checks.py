"""What keeps a project from being trained on, and what makes the training worse."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mambamim.project.case import CaseRecord, case_files
from mambamim.project.manifest import NO_CLASS, Manifest
from mambamim.project.problem import Problem

_BLOCK = 1 << 20


def changed_cases(folder: Path, manifest: Manifest) -> list[str]:
    """The cases whose scan or label map is not what was written, by their hashes."""
    changed = []
    for case in manifest.cases:
        image, label, _ = case_files(folder, case.id)
        if (_sha256(image), _sha256(label)) != (case.image.sha256, case.label.sha256):
            changed.append(case.id)
    return changed


def case_problems(folder: Path, manifest: Manifest, case: CaseRecord) -> list[Problem]:
    """What is wrong with one case: its files as far as their sizes tell, and its labels."""
    problems = []
    for path, stored, what in zip(
        case_files(folder, case.id), (case.image, case.label), ("scan", "label map"), strict=False
    ):
        if not path.is_file():
            problems.append(Problem("file_missing", f"The file of its {what} is gone.", True))
        elif path.stat().st_size != stored.bytes:
            problems.append(Problem("file_changed", f"The file of its {what} was changed.", True))
    present = present_classes(manifest, case)
    if not present:
        problems.append(Problem("empty_label", "Nothing is labelled in it."))
    both = [name for name in present if name in case.unknown]
    if both:
        problems.append(
            Problem(
                "unknown_present",
                f"It is said not to have labels of {', '.join(both)}, and it has some.",
                True,
            )
        )
    return problems


def project_problems(manifest: Manifest) -> list[Problem]:
    """What is wrong with all cases together."""
    parts = {s: [c for c in manifest.cases if c.split == s] for s in ("train", "validation")}
    learning, kept = parts["train"], parts["validation"]
    if not manifest.cases:
        return [Problem("no_cases", "There are no cases yet.", True)]
    problems = []
    if not manifest.classes:
        problems.append(Problem("no_classes", "There are no classes yet.", True))
    if not learning:
        problems.append(
            Problem("no_training", "All cases are kept apart for validation: none to learn.", True)
        )
    elif not kept:
        problems.append(
            Problem("no_validation", "No case is kept apart: nothing tells how well it goes.")
        )
    for name in manifest.classes:
        shown, checked = (
            sum(name in present_classes(manifest, case) for case in part)
            for part in (learning, kept)
        )
        if learning and not shown:
            problems.append(Problem("class_missing", f"No case to learn from shows {name}.", True))
        elif shown == 1 and shown + checked == 1 and len(manifest.cases) > 1:
            problems.append(Problem("class_once", f"Only one case shows {name}."))
        elif kept and not checked:
            problems.append(
                Problem("class_unchecked", f"No case kept apart shows {name}: it gets no score.")
            )
    dropped = sorted(
        {n for c in manifest.cases for n in _names(manifest, c)} - {*manifest.classes, *NO_CLASS}
    )
    if dropped:
        problems.append(
            Problem("class_dropped", f"Labels of {', '.join(dropped)} count as background.")
        )
    if len({case.modality for case in manifest.cases}) > 1:
        problems.append(Problem("two_modalities", "Some cases are CT and others MR."))
    return problems


def present_classes(manifest: Manifest, case: CaseRecord) -> dict[str, float]:
    """The classes that a case shows, in their order, and how much of each, ml."""
    amounts: dict[str, float] = {}
    for value, count in case.voxels.items():
        name = manifest.values[value]
        amounts[name] = amounts.get(name, 0.0) + case.millilitres(count)
    return {name: amounts[name] for name in manifest.classes if name in amounts}


def _names(manifest: Manifest, case: CaseRecord) -> set[str]:
    return {manifest.values[value] for value in case.voxels}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
