"""Turning to RAS and back: exact, for every axis order, oblique and sheared grids too."""

from itertools import permutations, product

import numpy as np
import pytest

from mambamim.data.orientation import from_ras, lps_from_ras_affine, ras_affine_from_lps, to_ras


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    x, y, z = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def affine_of(axes: tuple[int, ...], signs: tuple[int, ...], turn: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    steps = np.zeros((3, 3))
    for column, (row, sign) in enumerate(zip(axes, signs, strict=True)):
        steps[row, column] = sign * (0.7 + column)
    affine[:3, :3] = turn @ steps
    affine[:3, 3] = (-31.5, 12.25, 800.0)
    return affine


@pytest.mark.parametrize("degrees", [(0, 0, 0), (12, -20, 31)])
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_every_orientation_comes_back(
    axes: tuple[int, ...], degrees: tuple[float, float, float]
) -> None:
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    for signs in product((1, -1), repeat=3):
        affine = affine_of(axes, signs, rotation(degrees))
        turned, turned_affine = to_ras(array, affine)
        cosines = turned_affine[:3, :3] / np.linalg.norm(turned_affine[:3, :3], axis=0)
        assert (np.diag(cosines) > 0.7).all()
        for index in ((0, 0, 0), (1, 2, 3), tuple(size - 1 for size in turned.shape)):
            place = turned_affine @ (*index, 1)
            original = np.rint(np.linalg.solve(affine, place))[:3].astype(int)
            assert np.allclose(affine @ (*original, 1), place, atol=1e-9)
            assert array[tuple(original)] == turned[index]
        back = from_ras(turned, affine, array.shape)
        assert np.array_equal(back, array)
        assert np.shares_memory(back, array)


def test_lps_is_ras_with_two_signs_changed() -> None:
    affine = ras_affine_from_lps((10, 20, 30), (1, 2, 3), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert np.array_equal(affine @ (0, 0, 0, 1), (-10, -20, 30, 1))
    assert np.array_equal(affine @ (1, 1, 1, 1), (-11, -22, 33, 1))


def test_lps_and_back_keeps_an_oblique_affine() -> None:
    affine = affine_of((2, 0, 1), (1, -1, 1), rotation((5, 10, -15)))
    assert np.allclose(ras_affine_from_lps(*lps_from_ras_affine(affine)), affine, atol=1e-12)


def test_an_array_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be turned"):
        from_ras(np.zeros((3, 4, 5)), np.eye(4), (3, 4, 6))
