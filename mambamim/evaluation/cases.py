"""Which files belong together: manual label, prediction, image, and a second prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mambamim.data.channel_names import case_of
from mambamim.data.scan_files import scans_at, volume_suffix
from mambamim.data.scan_lists import find_scans
from mambamim.errors import BadInputError

_FIRST_CHANNEL = "_0000"  # what nnU-Net adds to the names of images


@dataclass(frozen=True)
class EvaluationCase:
    """One case.

    Attributes:
        name: its label's file name without the suffix, or the image's where a model predicts.
        truth: the manual label.
        found: the prediction; None where a model makes it of `image`.
        image: the scan, if it is known.
        other: the second set's prediction, if there is one.
        channels: files of the scan's further channels.
    """

    name: str
    truth: Path
    found: Path | None = None
    image: Path | None = None
    other: Path | None = None
    channels: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Cases:
    """All that will be scored.

    Attributes:
        cases: by name.
        notes: sentences on files that had no partner.
    """

    cases: tuple[EvaluationCase, ...]
    notes: tuple[str, ...] = ()


def paired_files(
    predictions: Path, labels: Path, images: Path | None = None, compare: Path | None = None
) -> Cases:
    """Pair files by their names without suffixes; two single files are a pair by themselves.

    Raises:
        BadInputError: a place is not there or holds no volume, two files of a folder have one name,
            or no prediction has a label.
    """
    found, truth = volumes_at(predictions), volumes_at(labels)
    if predictions.is_file() and labels.is_file():  # a pair, whatever their names
        found = dict(zip(truth, found.values(), strict=True))
    names = [name for name in truth if name in found]
    if not names:
        raise BadInputError(
            f"No file in {predictions.name} has the name of one in {labels.name}.",
            "A prediction must be named as its manual label; the suffix may differ.",
        )
    pictures = {} if images is None else volumes_at(images)
    others = {} if compare is None else volumes_at(compare)
    cases = [
        EvaluationCase(
            name,
            truth[name],
            found[name],
            pictures.get(name) or pictures.get(name + _FIRST_CHANNEL),
            others.get(name),
        )
        for name in names
    ]
    notes = [_left_out(len(truth) - len(names), "manual labels have no prediction")]
    notes.append(_left_out(len(found) - len(names), "predictions have no manual label"))
    return Cases(_with_second(cases, compare), tuple(note for note in notes if note))


def labelled_scans(
    places: Sequence[str | Path], compare: Path | None = None, joined: bool = False
) -> Cases:
    """The scans with a manual label behind `places`, as `find_scans` finds them.

    Args:
        places: what the user named.
        compare: a second set of predictions.
        joined: whether the channels of a case are one scan; else each is scored by itself.

    Raises:
        BadInputError: as `find_scans`; or no scan has a label.
    """
    sources = find_scans(places, joined=joined)
    others = {} if compare is None else volumes_at(compare)
    cases: dict[str, EvaluationCase] = {}
    for source in sources:
        if source.label is None:
            continue
        name = case_of(source.image)[0] if source.more else bare_name(source.image)
        if name in cases:  # the same file name in another folder
            name = f"{source.image.absolute().parent.name}_{name}"
        while name in cases:
            name += "_"
        cases[name] = EvaluationCase(
            name, source.label, None, source.image, others.get(name), source.more
        )
    if not cases:
        raise BadInputError(
            "None of the scans has a manual label.",
            "Give a data set with labels: a dataset.json, imagesTr and labelsTr, or images and"
            " labels with equal file names.",
        )
    note = _left_out(len(sources) - len(cases), "scans have no manual label")
    return Cases(_with_second(list(cases.values()), compare), (note,) if note else ())


def volumes_at(place: Path) -> dict[str, Path]:
    """Name without suffix -> volume file, of a folder or of one file.

    Raises:
        BadInputError: it is not there, holds no volume file, or has two files of one name.
    """
    if not place.exists():
        raise BadInputError(f"There is no file or folder {place.name}.", "Check the path.")
    files: dict[str, Path] = {}
    for path in scans_at(place):
        if not path.is_file() or volume_suffix(path) is None:
            continue
        if bare_name(path) in files:
            raise BadInputError(
                f"{place.name} holds {files[bare_name(path)].name} and {path.name}.",
                "Leave one of them there.",
            )
        files[bare_name(path)] = path
    if not files:
        raise BadInputError(f"{place.name} is no volume file and holds none.", "Check the path.")
    return files


def bare_name(path: Path) -> str:
    """A file name without its volume suffix, .seg.nrrd included; a folder's name as it is."""
    suffix = None if path.is_dir() else volume_suffix(path)
    name = path.name if suffix is None else path.name[: -len(suffix)]
    return name.removesuffix(".seg") or name


def _with_second(cases: list[EvaluationCase], compare: Path | None) -> tuple[EvaluationCase, ...]:
    if compare is not None:
        missing = [case.name for case in cases if case.other is None]
        if missing:
            raise BadInputError(
                f"{compare.name} lacks {len(missing)} of {len(cases)} cases, the first one"
                f" {missing[0]}.",
                "A paired comparison needs both predictions of every case.",
            )
    return tuple(cases)


def _left_out(count: int, what: str) -> str:
    return f"{count} {what} and are left out." if count else ""
