"""Reads a case's scan as the training set has written it, with numpy alone."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from slicer.i18n import tr as _

from mambamim.errors import BadInputError

# Of the NIfTI-1 standard: code of a type -> the type.
_KINDS = {2: "<u1", 4: "<i2", 8: "<i4", 16: "<f4"}


def readCaseImage(path: Path) -> np.ndarray:
    """The voxels of a .nii.gz file of a training set; takes a while, so call it in a thread.

    Returns:
        (K, J, I), as Slicer's arrays are.

    Raises:
        BadInputError: the file is gone or damaged.
    """
    try:
        data = gzip.decompress(path.read_bytes())
        i, j, k = struct.unpack_from("<3h", data, 42)
        (code,) = struct.unpack_from("<h", data, 70)
        (offset,) = struct.unpack_from("<f", data, 108)
        voxels = np.frombuffer(data, _KINDS[code], i * j * k, int(offset))
    except (OSError, EOFError, ValueError, KeyError, struct.error) as error:
        raise BadInputError(
            _("The scan {name} of the training set cannot be read.").format(name=path.name),
            _("Remove the case, and add it again."),
        ) from error
    return voxels.reshape(k, j, i).astype(voxels.dtype.newbyteorder("="))
