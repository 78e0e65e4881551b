"""What a training finds in a case that is kept apart, on that case's own grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mambamim.data.nifti import read_nifti_header, write_nifti
from mambamim.data.orientation import from_ras, to_ras
from mambamim.data.preparation_cost import target_grid
from mambamim.files import atomic_path
from mambamim.project import ProjectCase

FOLDER = "preview"


class CasePreview:
    """Writes RUN/preview/CASE.nii.gz after each validation, whole or not at all.

    Args:
        case: the first of those that are kept apart.
        spacing_mm: of the network, along R, A, S.
        run: the run folder.
        tell: told of the file each time.
    """

    def __init__(
        self,
        case: ProjectCase,
        spacing_mm: tuple[float, float, float],
        run: Path,
        tell: Callable[[Path], None],
    ) -> None:
        self._case, self._spacing, self._tell = case, spacing_mm, tell
        self.path = run / FOLDER / f"{case.id}.nii.gz"

    def __call__(self, found: np.ndarray) -> None:
        """Write labels (D, H, W) of the prepared grid; values 1, 2, ... are the classes.

        Raises:
            BadInputError: the disk is full.
        """
        source, _ = read_nifti_header(self._case.image)
        shape = source.shape[:3]
        turned, affine_ras = to_ras(np.broadcast_to(np.uint8(0), shape), source.affine)
        grid = target_grid(turned.shape, affine_ras, self._spacing)
        on_scan = grid.to_scan_nearest(torch.from_numpy(found)).numpy()
        labels = np.ascontiguousarray(from_ras(on_scan, source.affine, shape))
        with atomic_path(self.path) as temporary, temporary.open("wb") as stream:
            write_nifti(stream, labels, source, compress=True)
        self._tell(self.path)
