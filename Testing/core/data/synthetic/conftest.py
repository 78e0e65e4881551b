"""A made-up body that is small, with sides, hollow organs and merged ones."""

import numpy as np
import pytest
from one_thread import one_thread  # noqa: F401

from mambamim.data.synthetic.anatomy_bank import make_anatomy
from mambamim.data.synthetic.materials import Material
from mambamim.data.synthetic.real_case import RealCase
from mambamim.data.tissues import Tissue

SOURCE = {"name": "made up", "licence": "Apache-2.0"}


@pytest.fixture(scope="session")
def paint():
    """(60, 48, 52) at 1.5 mm, right organs at the end of axis 0."""
    volume = np.zeros((60, 48, 52), np.uint8)
    volume[26:34, 4:14] = Tissue.VERTEBRAE
    volume[34:58, 8:44, 24:50] = Tissue.LIVER
    volume[2:20, 8:30, 30:48] = Tissue.SPLEEN
    volume[38:50, 8:20, 8:22] = Tissue.KIDNEY_RIGHT
    volume[10:22, 8:20, 8:22] = Tissue.KIDNEY_LEFT
    volume[26:34, 16:22] = Tissue.AORTA
    volume[6:28, 26:44, 6:24] = Tissue.COLON
    volume[34:56, 26:44, 4:20] = Material.BOWEL
    return volume


@pytest.fixture(scope="session")
def anatomy(paint):
    return make_anatomy("made-up", paint, SOURCE)


@pytest.fixture(scope="session")
def case():
    """A bright ball and a bright box in dim tissue, both labelled, a slab unknown."""
    hu = np.full((50, 46, 44), 40, np.int16)
    labels = np.zeros(hu.shape, np.uint8)
    x, y, z = np.ogrid[:50, :46, :44]
    ball = (x - 34) ** 2 + (y - 22) ** 2 + (z - 22) ** 2 < 11**2
    hu[ball], labels[ball] = 220, 6
    hu[6:16, 14:30, 12:32], labels[6:16, 14:30, 12:32] = 160, 1
    labels[:, :, :6] = 255
    return RealCase("made-up", hu, (1.5, 1.5, 1.5), labels, {**SOURCE, "kind": "real"})
