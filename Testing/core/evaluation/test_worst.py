import numpy as np
import pytest

from mambamim.evaluation import CaseScore, score_pair
from mambamim.evaluation.label_pair import LabelMap
from mambamim.evaluation.worst import FOUND, TRUTH, Worst, worst_class
from mambamim.evaluation.worst_picture import write_worst

NAMES = {1: "liver", 2: "spleen"}
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def pair(cut: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.zeros((30, 32, 20), np.uint16)
    truth[5:15, 8:20, 4:14] = 1
    truth[20:26, 8:20, 4:14] = 2
    found = truth.copy()
    found[5 : 5 + cut, :, 9] = 0
    return found, truth


def kept(count: int, cuts: list[int], image=None) -> Worst:
    worst = Worst(count)
    for cut in cuts:
        found, truth = pair(cut)
        case = CaseScore(f"cut_{cut}", tuple(score_pair(found, truth, (2, 2, 3), NAMES)))
        if worst.wants(case):
            worst.add(case, *(LabelMap(a, AFFINE, "x") for a in (found, truth)), image)
    return worst


def test_the_worst_cases_are_kept_in_order():
    worst = kept(2, [1, 5, 0, 9, 3])
    assert [one.case.case for one in worst.cases] == ["cut_9", "cut_5"]
    assert kept(0, [1]).cases == []


def test_slices_go_where_the_two_disagree():
    [one] = kept(1, [6]).cases
    assert one.score.name == "liver"
    axial, coronal, sagittal = one.views
    assert (axial.name, coronal.name, sagittal.name) == ("Axial", "Coronal", "Sagittal")
    # The box reaches the volume's first slice; rows from the top, columns from the patient's right.
    assert axial.index == 9
    assert np.count_nonzero(axial.labels == TRUTH) == 6 * 12
    assert np.count_nonzero(axial.labels == TRUTH + FOUND) == 4 * 12
    assert axial.ct.base is None, "a slice must not hold its scan in memory"
    assert not one.image


def test_the_worst_class_is_the_larger_one_of_equals():
    found, truth = pair(0)
    case = CaseScore("x", tuple(score_pair(0 * found, truth, (2, 2, 3), NAMES)))
    assert worst_class(case).name == "liver"


@pytest.mark.parametrize("air", [-1000, 0])
def test_a_sheet_is_drawn_on_a_ct_on_other_images_and_on_labels(tmp_path, air):
    image = np.full((30, 32, 20), air, np.int16)
    image[3:, 4:] = 80
    for name, voxels in (("with", image), ("without", None)):
        [one] = kept(1, [4], voxels).cases
        write_worst(tmp_path / f"{name}.png", one, 1)
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    [one] = kept(1, [4], image).cases
    assert (one.window == (-160, 240)) == (air == -1000)
