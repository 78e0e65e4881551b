import math

import numpy as np
import pytest

from mambamim.errors import BadInputError
from mambamim.models.position import sin_cos_position


def test_against_the_definition_read_aloud() -> None:
    shape, width = (2, 3, 4), 12
    got = sin_cos_position(shape, width)
    row = 0
    for d in range(shape[0]):
        for h in range(shape[1]):
            for w in range(shape[2]):
                want = []
                for place in (d, h, w):
                    omegas = [10000 ** -(i / (width / 6)) for i in range(width // 6)]
                    want += [math.sin(place * omega) for omega in omegas]
                    want += [math.cos(place * omega) for omega in omegas]
                np.testing.assert_allclose(got[row], want, atol=1e-6)
                row += 1
    assert got.shape == (row, width)
    assert got.dtype == np.float32


def test_a_width_that_six_does_not_divide_is_refused() -> None:
    with pytest.raises(BadInputError, match="256"):
        sin_cos_position((2, 2, 2), 256)
