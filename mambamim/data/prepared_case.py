"""One prepared scan on a disk: compressed in small blocks, of which a crop reads only its own."""

from __future__ import annotations

import importlib
import zipfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mambamim.data.crop_places import BODY
from mambamim.data.intensity import IntensityRule
from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.files import atomic_path

Box = tuple[slice, slice, slice]

_IMAGE, _LABEL, _PLACES = "image.b2nd", "label.b2nd", "places.npz"
CHUNK, _BLOCK = 64, 32  # voxels along a side: what is stored together, what is unpacked together
_LEVEL = 5


@dataclass(frozen=True)
class PreparedCase:
    """A scan on its training grid, RAS-oriented. Holds no voxels and no open file.

    Attributes:
        folder: of its files.
        key: what stands for the scan; it tells nothing about the patient.
        shape: (D, H, W).
        spacing_mm: along R, A and S.
        modality: "CT" or "MR".
        rule: how its values became 0..1.
        labels: label value above 0 -> voxels of it; None without a label map.
        bytes: file name -> size.
        recipe: all that preparing depended on; another one means preparing again.
        channels: of its image.
    """

    folder: Path
    key: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    modality: str
    rule: IntensityRule
    labels: dict[int, int] | None
    bytes: dict[str, int]
    recipe: dict[str, Any]
    channels: int = 1

    def image(self, box: Box) -> np.ndarray:
        """The values in a box, float32 in 0..1; only the blocks that it meets are unpacked.

        (d, h, w), or (channels, d, h, w) where there are several.

        Args:
            box: three slices of step 1 within `shape`.

        Raises:
            BadInputError: the file is damaged.
        """
        # Torch has the processor widen halves, numpy does it in code: 0.1 ms a crop against 1.5.
        values = torch.from_numpy(self._read(_IMAGE, box)).float().numpy()
        if values.size and not (values.min() >= 0 and values.max() <= 1):  # NaN neither
            raise self._damaged()
        return values

    def label(self, box: Box) -> np.ndarray:
        """The labels in a box, uint8.

        Args:
            box: three slices of step 1 within `shape`.

        Raises:
            BadInputError: the file is damaged, or the scan has no label map.
        """
        if self.labels is None:
            raise BadInputError(f"The prepared scan {self.key} has no labels.")
        return self._read(_LABEL, box)

    @property
    def foreground(self) -> np.ndarray:
        """Up to 4096 voxels (n, 3) of the tissue, uint16; none where all is as dark as air.

        Raises:
            BadInputError: the file is damaged.
        """
        return self._places(BODY)

    def label_places(self, value: int) -> np.ndarray:
        """Up to 1024 voxels (n, 3) with a label of `labels`, uint16.

        Raises:
            BadInputError: the file is damaged, or no voxel has that label.
        """
        if value not in (self.labels or {}):
            raise BadInputError(f"The prepared scan {self.key} has no label {value}.")
        return self._places(str(value))

    def is_whole(self) -> bool:
        """Whether all its files are there, as long as they were when they were written."""
        return self.bytes == _sizes(self.folder)

    def to_json(self) -> dict[str, Any]:
        """Everything but the folder, as JSON has it."""
        unsaid = {"folder"} if self.channels > 1 else {"folder", "channels"}
        fields = {name: value for name, value in vars(self).items() if name not in unsaid}
        return {**fields, "rule": asdict(self.rule), "places": _PLACES}

    @classmethod
    def from_json(cls, store: Path, entry: dict[str, Any]) -> PreparedCase:
        """The case of `to_json`, in the folder of its store.

        Raises:
            KeyError, TypeError, ValueError: it was not made by `to_json`.
        """
        labels = entry["labels"]
        d, h, w = (int(size) for size in entry["shape"])
        r, a, s = (float(mm) for mm in entry["spacing_mm"])
        key = f"{int(entry['key'], 16):016x}"  # it becomes a path, so it must be what it says
        return cls(
            store / key,
            key,
            (d, h, w),
            (r, a, s),
            str(entry["modality"]),
            IntensityRule(**entry["rule"]),
            None if labels is None else {int(v): int(count) for v, count in labels.items()},
            {str(name): int(size) for name, size in entry["bytes"].items()},
            dict(entry["recipe"]),
            int(entry.get("channels", 1)),
        )

    def _read(self, name: str, box: Box) -> np.ndarray:
        place = self.folder / name
        blosc2 = blosc2_module()
        channels = (self.channels,) if name == _IMAGE and self.channels > 1 else ()
        try:
            # A mapped file that became shorter would end the process when it is read.
            if place.stat().st_size != self.bytes[name]:
                raise self._damaged()
            # Opened anew each time, a tenth of a millisecond: nothing open outlives a crop, so
            # cases travel to other processes, and thousands of them need no file handles.
            # One thread: those who load crops do so in several processes.
            stored = blosc2.open(str(place), mode="r", mmap_mode="r", dparams={"nthreads": 1})
            if stored.shape != (*channels, *self.shape):
                raise self._damaged()
            return stored[(*map(slice, channels), *box)]
        except (OSError, RuntimeError, KeyError) as error:
            raise self._damaged() from error

    def _places(self, name: str) -> np.ndarray:
        try:
            with np.load(self.folder / _PLACES, allow_pickle=False) as places:
                return places[name]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise self._damaged() from error

    def _damaged(self) -> BadInputError:
        return BadInputError(
            f"The prepared scan {self.key} is damaged.",
            f"Delete the folder {self.folder.parent.name} and prepare the scans again.",
        )


def write_case_files(
    folder: Path, image: np.ndarray, label: np.ndarray | None, places: dict[str, np.ndarray]
) -> dict[str, int]:
    """Write the files of a case, all or none.

    Args:
        folder: of the case, made if it is missing.
        image: (D, H, W) float16, 0..1, or (C, D, H, W).
        label: (D, H, W) uint8, or None.
        places: as `draw_places` gave them.

    Returns:
        File name -> bytes.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full.
    """
    with ExitStack() as stack:  # all are written before the first one takes its place
        for name, array in ((_IMAGE, image), (_LABEL, label)):
            if array is not None:
                _pack(stack.enter_context(atomic_path(folder / name)), array)
        temporary = stack.enter_context(atomic_path(folder / _PLACES))
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **places)
    return _sizes(folder)


def blosc2_module() -> Any:
    """Blosc2, which only training needs.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module("blosc2")
    except ImportError as error:
        raise MissingDependencyError(
            "Training reads its scans with blosc2, which is not installed.",
            'Install it with: pip install "mambamim[train]"',
        ) from error


def _pack(path: Path, array: np.ndarray) -> None:
    blosc2 = blosc2_module()
    single = (1,) * (array.ndim - 3)  # channels
    chunks = (*single, *(min(CHUNK, size) for size in array.shape[-3:]))
    blocks = (*single, *(min(_BLOCK, size) for size in chunks[-3:]))
    packing = {
        "codec": blosc2.Codec.ZSTD,
        "clevel": _LEVEL,
        "filters": [blosc2.Filter.SHUFFLE],
        "filters_meta": [0],
    }
    try:
        blosc2.asarray(
            np.ascontiguousarray(array),
            urlpath=str(path),
            mode="w",
            chunks=chunks,
            blocks=blocks,
            cparams=packing,
        )
    except RuntimeError as error:  # it does not say why; a full disk is the likeliest reason
        raise BadInputError(
            f"A prepared scan cannot be written to {path.parent.parent.name}.",
            "Free some space on the disk, or choose another place.",
        ) from error


def _sizes(folder: Path) -> dict[str, int]:
    places = (folder / name for name in (_IMAGE, _LABEL, _PLACES))
    return {place.name: place.stat().st_size for place in places if place.is_file()}
