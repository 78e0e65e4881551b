"""How the files of a data set lie, as it is published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mambamim.data.presets.case import PresetCase
from mambamim.errors import BadInputError

_SUFFIX = r"\.nii(?:\.gz)?"
_SUFFIXES = (".nii.gz", ".nii")
_AGAIN = "Copy or download the data set again."


class Layout(Protocol):
    """Finds the labelled cases in a folder."""

    def cases(self, folder: Path, title: str) -> list[PresetCase]:
        """The cases in natural order.

        Args:
            folder: as it was unpacked.
            title: of the data set, for messages.

        Raises:
            BadInputError: the folder is not there, is another data set, or is incomplete.
        """
        ...


@dataclass(frozen=True)
class Pair:
    """Two folders in which images and labels of the same number belong together.

    Attributes:
        images: folder of images, "." for the data set's own.
        labels: folder of labels.
        part: what these cases are for, if the data set says so.
        needed: False where it may be left out.
    """

    images: str
    labels: str
    part: str | None = None
    needed: bool = True


@dataclass(frozen=True)
class PairedFiles:
    """Images and labels as files side by side.

    Attributes:
        roots: where under the folder that a user gives the pairs may lie.
        pairs: folders.
        image: regular expression of an image's name without suffix; its group is the number.
        label: that of a label.
    """

    roots: tuple[str, ...]
    pairs: tuple[Pair, ...]
    image: str
    label: str

    def cases(self, folder: Path, title: str) -> list[PresetCase]:
        """See `Layout`."""
        needed = [pair for pair in self.pairs if pair.needed]
        for root in _roots(folder, self.roots):
            if all(self._files(root / pair.images, self.image) for pair in needed):
                found = [case for pair in self.pairs for case in self._pair(root, pair, title)]
                return sorted(found, key=lambda case: _natural(case.name))
        places = " and ".join(f"{pair.images}/ and {pair.labels}/" for pair in needed)
        raise _another(folder, title, f"{places} with images named {_example(self.image)}.nii.gz")

    def _pair(self, root: Path, pair: Pair, title: str) -> Iterator[PresetCase]:
        images = self._files(root / pair.images, self.image)
        labels = self._files(root / pair.labels, self.label)
        if not pair.needed and not labels:
            return
        for one, other, lacking in ((images, labels, "label"), (labels, images, "image")):
            alone = [path for number, path in one.items() if number not in other]
            if alone:
                raise BadInputError(
                    f"{title}: {len(alone)} files have no {lacking}, the first one"
                    f" {alone[0].name}.",
                    _AGAIN,
                )
        for number, image in images.items():
            yield PresetCase(_stem(image), (image,), labels[number], pair.part)

    def _files(self, folder: Path, pattern: str) -> dict[str, Path]:
        """Number -> file."""
        named = re.compile(f"{pattern}{_SUFFIX}")
        found = {m[1]: path for path in _inside(folder) if (m := named.fullmatch(path.name))}
        return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


@dataclass(frozen=True)
class CaseFolders:
    """A folder a case.

    Attributes:
        roots: where under the folder that a user gives the case folders may lie.
        folder: regular expression of a case folder's name, which is the case's.
        images: names without suffix, one a channel; {case} stands for the case's name.
        label: that of the label map.
    """

    roots: tuple[str, ...]
    folder: str
    images: tuple[str, ...]
    label: str

    def cases(self, folder: Path, title: str) -> list[PresetCase]:
        """See `Layout`."""
        named = re.compile(self.folder)
        for root in _roots(folder, self.roots):
            inside = [p for p in _inside(root) if p.is_dir() and named.fullmatch(p.name)]
            if inside:
                return self._complete(sorted(inside, key=lambda p: _natural(p.name)), title)
        expected = ", ".join(f"{name.format(case='...')}.nii.gz" for name in self._names)
        raise _another(folder, title, f"folders {_example(self.folder)} with {expected}")

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.images, self.label)

    def _complete(self, folders: Sequence[Path], title: str) -> list[PresetCase]:
        cases, lacking = [], []
        for folder in folders:
            names = [name.format(case=folder.name) for name in self._names]
            files = [_volume(folder, name) for name in names]
            there = [file for file in files if file is not None]
            if len(there) == len(names):
                cases.append(PresetCase(folder.name, tuple(there[:-1]), there[-1]))
            else:
                first = next(n for n, f in zip(names, files, strict=True) if f is None)
                lacking.append(f"{folder.name} ({first}.nii.gz)")
        if lacking:
            raise BadInputError(
                f"{title}: {len(lacking)} cases are not whole, the first one {lacking[0]}.", _AGAIN
            )
        return cases


def _roots(folder: Path, roots: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise BadInputError(f"There is no folder {folder.name}.", "Check the path.")
    return [folder / root for root in roots]


def _inside(folder: Path) -> list[Path]:
    """What a folder holds, without what a Mac's archiver left; nothing if it is not there."""
    try:
        held = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise BadInputError(f"{folder.name} cannot be read: {error.strerror}.") from error
    return [path for path in held if not path.name.startswith(".")]


def _volume(folder: Path, name: str) -> Path | None:
    places = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    return next((place for place in places if place.is_file()), None)


def _stem(path: Path) -> str:
    return re.sub(f"{_SUFFIX}$", "", path.name)


def _natural(text: str) -> list[tuple[int, str]]:
    """Numbers in a name sort as numbers: case 2 before case 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _example(pattern: str) -> str:
    """A regular expression as a person reads it: every number is an ellipsis."""
    return re.sub(r"\(.*\)|\\d(\{\d\}|\+)", "...", pattern)


def _another(folder: Path, title: str, expected: str) -> BadInputError:
    return BadInputError(
        f"{folder.absolute().name} is not {title}: it has no {expected}.",
        "Give the folder as the data set is published and unpacked.",
    )
