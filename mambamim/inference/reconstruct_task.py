"""What one reconstruction is asked to do, and what is refused about it before any work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError
from mambamim.inference.parameters import (
    Reader,
    a_flag,
    a_path,
    a_text,
    an_integer,
    check_array_affine,
    numbers,
    or_none,
    read_parameters,
    rows,
)

DEFAULT_MODEL = "ct-mim-small"
VOLUMES = ("masked", "reconstruction", "error", "visible")
_READERS: dict[str, Reader] = {
    "input": a_path,
    "output": a_path,
    "affine": or_none(rows),
    "model": a_text,
    "device": a_text,
    "ratios": numbers,
    "seed": an_integer,
    "picture": a_flag,
}


@dataclass(frozen=True)
class ReconstructTask:
    """One scan to mask and to reconstruct.

    Attributes:
        input: a volume file or a DICOM folder, or a .npy array with `affine`.
        output: folder for what is written; made if it is missing.
        affine: of a .npy input, 4x4 rows, voxel (i, j, k) to RAS mm; None for all other files.
        model: name in the catalogue, or path of a checkpoint.
        device: as `Reconstructor` takes it: "auto", "cpu", "cuda", "cuda:1", "mps".
        ratios: shares of the patches to mask, each between 0 and 1.
        seed: of the masks, 0 to below 2^63; those of one seed are nested.
        picture: draw a sheet for each ratio, and one of all where there are several.
    """

    input: Path
    output: Path
    affine: tuple[tuple[float, ...], ...] | None = None
    model: str = DEFAULT_MODEL
    device: str = "auto"
    ratios: tuple[float, ...] = (0.75,)
    seed: int = 0
    picture: bool = True

    def __post_init__(self) -> None:
        check_array_affine(self.input, self.affine)
        for ratio in self.ratios:
            if not 0 < ratio < 1:
                raise BadInputError(
                    f"The mask ratio must lie between 0 and 1, not be {ratio:g}.", "Try 0.75."
                )
        if len({percent(ratio) for ratio in self.ratios}) != len(self.ratios) or not self.ratios:
            raise BadInputError("Give one or more mask ratios, and none twice.", "Try 0.75 0.5.")
        if not 0 <= self.seed < 2**63:
            raise BadInputError(f"The seed must be 0 or more and below 2^63, not {self.seed}.")
        if os.path.realpath(self.input) in [os.path.realpath(place) for place in self.places()]:
            raise BadInputError(
                f"{self.input.name} would be written over.", "Choose another folder for the output."
            )

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> ReconstructTask:
        """The task that a job's JSON parameters describe: the attributes by name, paths as text.

        Raises:
            BadInputError: names a parameter that is missing, unknown or of the wrong type.
        """
        return cls(**read_parameters(parameters, _READERS, ("input", "output")))

    def volume(self, what: str, ratio: float) -> Path:
        """Where one of `VOLUMES` goes: .nii.gz, a bare array where the input is one."""
        suffix = ".npy" if self.affine is not None else ".nii.gz"
        return self.output / f"{what}_{percent(ratio)}{suffix}"

    def sheet(self, ratio: float) -> Path:
        """Where the picture of a ratio goes."""
        return self.output / f"reconstruction_{percent(ratio)}.png"

    @property
    def ratios_sheet(self) -> Path | None:
        """Where the picture of all ratios goes, None where there is one only."""
        return self.output / "ratios.png" if self.picture and len(self.ratios) > 1 else None

    @property
    def scores(self) -> Path:
        """Where the scores go."""
        return self.output / "scores.json"

    def places(self) -> list[Path]:
        """Every file that is asked for."""
        places = [self.volume(what, ratio) for ratio in self.ratios for what in VOLUMES]
        places += [self.sheet(ratio) for ratio in self.ratios if self.picture]
        return [*places, *filter(None, [self.ratios_sheet]), self.scores]


def percent(ratio: float) -> str:
    """A ratio in file names: 75 for 0.75, 12.5 for 0.125."""
    return f"{100 * ratio:g}"
