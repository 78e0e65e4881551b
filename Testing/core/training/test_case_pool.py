"""The pool: picks and renews, and reads real cases onto our labels and spacing."""

import nibabel as nib
import numpy as np
import pytest
import torch

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.tissues import Tissue, labels_of
from mambamim.errors import BadInputError
from mambamim.training.case_pool import CasePool, load_case
from mambamim.training.patches import Case

CPU = torch.device("cpu")
OUR = {name: value for value, name in ABDOMEN_LABELS.items()}
# Some of TotalSegmentator's values, from its published list of classes.
THEIRS = {
    1: "spleen", 2: "kidney_right", 3: "kidney_left", 5: "liver", 7: "pancreas",
    10: "lungs", 14: "lungs", 18: "small_bowel", 19: "duodenum", 20: "colon", 26: "vertebrae",
    50: "vertebrae", 51: "heart", 52: "aorta", 63: "inferior_vena_cava",
}  # fmt: skip


def real_case():
    return Case(torch.full((6, 6, 6), 7.0), torch.ones(6, 6, 6, dtype=torch.uint8), 1.5)


def anatomies():
    """Two bodies that no one could mix up."""
    return [np.full((8, 8, 8), t, np.uint8) for t in (Tissue.LIVER, Tissue.SPLEEN)]


def pool(seed=0, size=4, real_share=0.0, real=()):
    generator = torch.Generator().manual_seed(seed)
    return CasePool(anatomies(), list(real), size, real_share, generator)


def write(path, array, mm=3.0, turn=(1, 1, 1)):
    affine = np.diag([*np.multiply(turn, mm), 1.0])
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def test_painted_scans_carry_the_labels_of_their_body():
    made = pool(size=8)
    bodies = {int(case.labels[0, 0, 0]) for case in made.painted}
    assert bodies == {OUR["liver"], OUR["spleen"]}
    for case in made.painted:
        assert (case.labels == case.labels[0, 0, 0]).all()
        assert case.hu.shape == case.labels.shape
        assert case.mm == 1.5
    # The same body is painted otherwise each time.
    assert len({float(case.hu.float().mean()) for case in made.painted}) == 8


def test_picks_are_as_real_as_asked():
    real = real_case()
    for share, low, high in ((0.0, 0, 0), (0.25, 25, 80), (1.0, 200, 200)):
        made = pool(real_share=share, real=[real])
        assert low <= sum(made.pick() is real for _ in range(200)) <= high


def test_without_real_cases_all_picks_are_painted():
    made = pool(real_share=0.9)
    picked = {id(made.pick()) for _ in range(60)}
    assert picked == {id(case) for case in made.painted}


def test_renewal_takes_the_oldest_in_turn():
    made = pool(size=3)
    before = list(made.painted)
    for index in (0, 1, 2, 0):
        old = list(made.painted)
        made.renew()
        changed = [i for i in range(3) if made.painted[i] is not old[i]]
        assert changed == [index]
    assert not {id(case) for case in before} & {id(case) for case in made.painted}


def test_seeds_decide():
    first, same, other = (pool(seed).painted[0].hu for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_real_labels_become_ours(tmp_path):
    """A slab of each of their classes; what we do not know becomes background."""
    values = [*THEIRS, 90, 116]
    label = np.repeat(np.array(values, np.uint8), 2)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    ct = np.full(label.shape, 55, np.int16)
    case = load_case(
        write(tmp_path / "ct.nii.gz", ct, 1.5), write(tmp_path / "label.nii.gz", label, 1.5), CPU
    )
    assert case.mm == 1.5
    found = case.labels[::2, 0, 0].tolist()
    assert found == [*(OUR[name] for name in THEIRS.values()), 0, 0]
    assert (case.hu == 55).all()


def test_coarse_cases_are_refined_in_place(tmp_path):
    """3 mm -> 1.5 mm: the same extent, a cube stays where and as large as it was."""
    label = np.zeros((12, 12, 12), np.uint8)
    label[4:8, 2:8, 6:10] = 5  # the liver
    ct = np.where(label > 0, 100, 0).astype(np.int16)
    case = load_case(write(tmp_path / "ct.nii.gz", ct), write(tmp_path / "l.nii.gz", label), CPU)
    assert case.mm == 1.5
    assert case.hu.shape == case.labels.shape == (24, 24, 24)
    assert set(case.labels.unique().tolist()) == {0, OUR["liver"]}
    where = (case.labels > 0).nonzero().float()
    np.testing.assert_allclose(where.mean(0), [11.5, 9.5, 15.5], atol=1e-4)
    assert 0.8 < len(where) / (8 * (label > 0).sum()) < 1.05
    inside = case.labels > 0
    assert float(case.hu[inside].mean()) > 80
    assert float(case.hu[~inside].mean()) < 10


def test_fine_cases_stay_as_they_are(tmp_path):
    ct = np.zeros((6, 6, 6), np.int16)
    paths = (
        write(tmp_path / "ct.nii.gz", ct, 0.7),
        write(tmp_path / "l.nii.gz", ct.astype("u1"), 0.7),
    )
    case = load_case(*paths, CPU)
    assert case.mm == pytest.approx(0.7)
    assert case.hu.shape == (6, 6, 6)


def test_cases_are_turned_to_ras_and_clamped(tmp_path):
    """A file whose first axis runs to the left."""
    ct = np.zeros((6, 6, 6), np.int16)
    ct[0], ct[5] = 9000, -3000
    label = np.zeros((6, 6, 6), np.uint8)
    label[0] = 1
    paths = [
        write(tmp_path / name, array, 1.5, (-1, 1, 1))
        for name, array in (("ct.nii.gz", ct), ("label.nii.gz", label))
    ]
    case = load_case(*paths, CPU)
    assert (case.labels[5] == OUR["spleen"]).all()
    assert not case.labels[:5].any()
    assert (case.hu[5] == 3071).all()
    assert (case.hu[0] == -1024).all()


def test_cases_that_do_not_fit_are_refused_by_name(tmp_path):
    cube = write(tmp_path / "cube.nii.gz", np.zeros((6, 6, 6), np.int16))
    other = write(tmp_path / "other.nii.gz", np.zeros((6, 6, 5), np.uint8))
    slices = write(tmp_path / "slices.nii.gz", np.zeros((6, 6, 6), np.int16), (1, 1, 5))
    with pytest.raises(BadInputError, match=r"other\.nii\.gz"):
        load_case(cube, other, CPU)
    with pytest.raises(BadInputError, match=r"slices\.nii\.gz"):
        load_case(slices, cube, CPU)


def test_labels_of_tissue_maps_are_what_the_pool_trains_on():
    for body, labels in zip(anatomies(), pool().labels, strict=True):
        assert np.array_equal(labels.numpy(), labels_of(body))
