"""Which scans a user names for training: files, folders, and the lists that data sets come with."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mambamim.data.channel_names import case_of, channel_files, modality_of, one_modality
from mambamim.data.scan_files import VOLUME_SUFFIXES, scans_at, volume_suffix
from mambamim.data.scan_source import ScanSource
from mambamim.errors import BadInputError

_LOG = logging.getLogger(__name__)
_LIST = "dataset.json"


def find_scans(
    places: Sequence[str | Path], modality: str = "auto", joined: bool = False
) -> list[ScanSource]:
    """The scans behind `places`, in their order; one that is named twice is taken once.

    A place is a volume file; a folder of volumes and DICOM series; a Decathlon `dataset.json` or
    the folder that holds it, in which a case may have a list of files, one a channel; an nnU-Net
    folder; or a folder with `images` and `labels`, in which equal file names belong together.

    Args:
        places: what the user named.
        modality: "CT", "MR" or "auto", for scans whose list does not say it.
        joined: whether the channels of a case are one scan; else each is a scan by itself.

    Raises:
        BadInputError: another modality, a place or a listed file that is not there, a file of
            another kind, a damaged list, a folder without scans; with `joined`, channels that
            are not all there, or not all CT or all MR.
    """
    if modality not in ("auto", "CT", "MR"):
        raise BadInputError(f"There is no modality {modality}.", "Choose auto, CT or MR.")
    default = None if modality == "auto" else modality
    found: dict[Path, ScanSource] = {}
    for place in map(Path, places):
        for source in _sources(place, joined):
            image = source.image.resolve()
            if image not in found or found[image].label is None:  # the one with labels stays
                found[image] = replace(source, modality=source.modality or default, joined=joined)
    if not found:
        raise BadInputError("No scan was named.", "Give files or folders.")
    return list(found.values())


def _sources(place: Path, joined: bool) -> Iterator[ScanSource]:
    if not place.exists():
        raise BadInputError(f"There is no file or folder {place.name}.", "Check the path.")
    if place.is_file():
        if place.suffix.lower() == ".json":
            return _listed(place, _json(place), joined)
        return iter([ScanSource(_volume(place))])
    content = _json(place / _LIST) if (place / _LIST).is_file() else {}
    if "dataset" in content:
        return _listed(place / _LIST, content, joined)
    if "channel_names" in content or ("training" not in content and (place / "imagesTr").is_dir()):
        return _nnunet(place, content, joined)
    if content:
        return _listed(place / _LIST, content, joined)
    if (place / "images").is_dir() and (place / "labels").is_dir():
        images = _inside(place / "images", "")
        return (ScanSource(path, _if_there(place / "labels" / path.name)) for path in images)
    scans = scans_at(place)
    _tell_what_is_left_out(place, scans)
    return (ScanSource(path) for path in scans)


def _tell_what_is_left_out(folder: Path, scans: list[Path]) -> None:
    """Sub-folders are not looked into, and a patient who is left out should not go unseen."""
    passed = [
        inside
        for inside in folder.iterdir()
        if inside.is_dir()
        and inside not in scans
        and scans != [folder]
        and any(volume_suffix(path) for path in inside.iterdir())
    ]
    if passed:
        _LOG.warning(
            "%d sub-folders of %s hold volumes and are left out; name them too.",
            len(passed),
            folder.name,
        )


def _volume(path: Path) -> Path:
    if volume_suffix(path) is None:
        raise BadInputError(
            f"{path.name} is of an unknown kind.",
            f"Give a file ({', '.join(VOLUME_SUFFIXES)}), a folder, or a {_LIST}.",
        )
    return path


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInputError(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(
            f"{path.name} in {_folder_name(path)} is damaged: it is not JSON.",
            "Copy or download it again.",
        ) from error
    if not isinstance(content, dict):
        raise _not_a_list(path)
    return content


def _listed(path: Path, content: dict[str, Any], joined: bool) -> Iterator[ScanSource]:
    """The scans of a Decathlon list: those with labels first, then the others.

    nnU-Net's lists have "dataset": {"CASE": {"images": [...], "label": path}} instead.
    """
    if "dataset" in content:
        entries, names = _nnunet_entries(path, content), _texts(path, content, "channel_names")
    else:
        entries = [*_entries(path, content, "training"), *_entries(path, content, "test")]
        names = _texts(path, content, "modality")
    sources: list[ScanSource] = []
    for entry in entries:
        named = entry if isinstance(entry, dict) else {"image": entry}
        given: Any = named.get("image")
        label: Any = named.get("label")
        images: list[Any] = given if isinstance(given, list) else [given]
        good = images and all(isinstance(image, str) for image in images)
        if not good or not isinstance(label, str | None):
            raise _not_a_list(path)
        if not Path(images[0]).name.startswith("."):  # left by a Mac's archiver
            files = [path.parent / image for image in images]
            sources += _scans_of(files, path.parent / label if label else None, names, joined)
    _check_there(path, [p for s in sources for p in (s.image, *s.more, s.label) if p is not None])
    if not sources:
        raise BadInputError(
            f"{path.name} in {_folder_name(path)} lists no scans.",
            'Name them under "training" or "test".',
        )
    return iter(sources)


def _nnunet(folder: Path, content: dict[str, Any], joined: bool) -> Iterator[ScanSource]:
    names = _texts(folder / _LIST, content, "channel_names")
    paths = _inside(folder / "imagesTr", f" of {folder.name}")
    for files in channel_files(paths) if joined else [[path] for path in paths]:
        name, channel, suffix = case_of(files[0])
        label = _if_there(folder / "labelsTr" / f"{name}{suffix}")
        own = names if joined else {"0": names.get(str(channel), "")}
        yield from _scans_of(files, label, own, joined)


def _scans_of(
    files: Sequence[Path], label: Path | None, names: dict[str, str], joined: bool
) -> list[ScanSource]:
    """One scan of all channels, or one of each; channels are called `names`, if there are any."""
    if not joined:
        return [
            ScanSource(file, label, modality_of(names.get(str(number), "")))
            for number, file in enumerate(files)
        ]
    if len(files) > 1 and len(names) > 1 and len(files) != len(names):
        raise BadInputError(
            f"{files[0].name} is of a case with {len(files)} of {len(names)} channels.",
            "Every case needs a file for each channel.",
        )
    called = tuple(names.values())
    modality = one_modality(called)
    return [
        ScanSource(files[0], label, modality, tuple(files[1:]), called if len(called) > 1 else ())
    ]


def _inside(folder: Path, of: str) -> list[Path]:
    if not folder.is_dir():
        raise BadInputError(
            f"There is no folder {folder.name}{of}.", "Copy or download the data set again."
        )
    return scans_at(folder)


def _entries(path: Path, content: dict[str, Any], part: str) -> list[Any]:
    entries = content.get(part, [])
    if not isinstance(entries, list):
        raise _not_a_list(path)
    return entries


def _nnunet_entries(path: Path, content: dict[str, Any]) -> list[dict[str, Any]]:
    cases = content["dataset"]
    if not isinstance(cases, dict) or not all(isinstance(case, dict) for case in cases.values()):
        raise _not_a_list(path)
    return [{"image": case.get("images"), "label": case.get("label")} for case in cases.values()]


def _texts(path: Path, content: dict[str, Any], part: str) -> dict[str, str]:
    """Channel number -> what it is called; one text alone is that of channel 0."""
    texts = content.get(part, {})
    texts = {"0": texts} if isinstance(texts, str) else texts
    if not isinstance(texts, dict):
        raise _not_a_list(path)
    return {str(number): str(text) for number, text in texts.items()}


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _check_there(path: Path, files: list[Path]) -> None:
    missing = [file for file in files if not file.exists()]
    if missing:
        raise BadInputError(
            f"{path.name} in {_folder_name(path)} lists {len(missing)} files that are not there,"
            f" the first one {missing[0].name}.",
            "Copy or download the data set again, or take them off the list.",
        )


def _folder_name(path: Path) -> str:
    return path.absolute().parent.name


def _not_a_list(path: Path) -> BadInputError:
    return BadInputError(
        f"{path.name} in {_folder_name(path)} is no list of scans.",
        'It needs "training": a list of paths or of {"image": path, "label": path}; for several'
        " channels, image is a list of paths.",
    )
