"""Self-training's labels: agreed on, sure, of a size and at a place that can be; else unknown."""

import numpy as np
import pytest
import torch

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.checkpoints import save_checkpoint
from mambamim.data.synthetic.real_case import RealCase
from mambamim.models import build_model
from mambamim.training.pseudo_labels import LIMITS, Opinion, combine, label_bank

LIVER, SPLEEN, VERTEBRAE = 6, 1, 20
SHAPE = (120, 90, 100)  # voxels of 1.5 mm


def body():
    """A liver of 675 ml on the right, a spleen of 108 ml on the left, a spine between them."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[66:116, 20:70, 20:100] = LIVER
    labels[6:26, 30:70, 40:80] = SPLEEN
    labels[55:65, 5:20] = VERTEBRAE
    return labels


def opinion(fine, coarse=None, sure=1.0):
    return Opinion(fine, fine if coarse is None else coarse, np.full(SHAPE, sure, np.float32))


def values(labels):
    return set(np.unique(labels).tolist())


def test_every_class_has_limits():
    assert LIMITS.keys() == set(ABDOMEN_LABELS.values())
    assert all(0 < limits.least_ml < limits.most_ml for limits in LIMITS.values())


def test_what_all_agree_on_is_kept():
    labels = body()
    assert np.array_equal(combine([opinion(labels), opinion(labels.copy())]), labels)


def test_a_voxel_that_one_network_sees_otherwise_is_unknown():
    first, second = body(), body()
    second[66, 20:70, 20:100] = 0
    found = combine([opinion(first), opinion(second)])
    assert (found[66, 20:70, 20:100] == 255).all()
    assert (found[67:116, 20:70, 20:100] == LIVER).all()


def test_where_networks_are_not_sure_nothing_is_known():
    assert values(combine([opinion(body(), sure=0.6)])) == {255}


def test_an_organ_that_the_coarse_look_does_not_confirm_is_unknown_with_its_surroundings():
    fine, coarse = body(), body()
    coarse[coarse == SPLEEN] = 0
    found = combine([opinion(fine, coarse)])
    assert SPLEEN not in values(found)
    assert (found[4:28, 30:70, 40:80] == 255).all(), "beside it, too"
    assert LIVER in values(found)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"place": np.s_[70:90, 72:90, 0:15], "value": SPLEEN}, id="wrong side"),
        pytest.param({"place": np.s_[8:10, 32:34, 42:44], "value": SPLEEN}, id="too small"),
    ],
)
def test_what_cannot_be_a_spleen_is_unknown(change):
    labels = body()
    labels[labels == SPLEEN] = 0
    labels[change["place"]] = change["value"]
    found = combine([opinion(labels)])
    assert SPLEEN not in values(found)
    assert (found[change["place"]] == 255).all()


def test_an_organ_that_the_end_of_the_scan_cuts_may_be_small():
    labels = body()
    labels[labels == SPLEEN] = 0
    labels[8:20, 32:44, 0:6] = SPLEEN
    assert (combine([opinion(labels)])[8:20, 32:44, 0:6] == SPLEEN).all()


def test_a_piece_apart_is_unknown_and_the_organ_stays():
    labels = body()
    labels[2:4, 80:84, 2:6] = SPLEEN
    found = combine([opinion(labels)])
    assert (found[2:4, 80:84, 2:6] == 255).all()
    assert (found[6:26, 30:70, 40:80] == SPLEEN).all()


def test_a_bank_is_labelled_and_its_real_cases_are_left_alone(tmp_path):
    torch.manual_seed(0)
    network = build_model("hymamba_small", num_classes=21)
    model = tmp_path / "one.safetensors"
    save_checkpoint(model, network, labels=ABDOMEN_LABELS, patch_size=[32, 32, 32])
    hu = np.zeros((20, 20, 20), np.int16)
    for kind, value in (("pseudo", 255), ("real", LIVER)):
        source = {"name": "made up", "licence": "CC0-1.0", "kind": kind}
        labels = np.full((40, 40, 40), value, np.uint8)
        RealCase(kind, hu, (3.0, 3.0, 3.0), labels, source).save(tmp_path / f"case-{kind}.npz")
    before = (tmp_path / "case-real.npz").read_bytes()
    with torch.no_grad():  # a network that is sure of background
        final = next(m for m in reversed(list(network.modules())) if isinstance(m, torch.nn.Conv3d))
        final.weight.zero_()
        final.bias.zero_()
        final.bias[0] = 9
    save_checkpoint(model, network, labels=ABDOMEN_LABELS, patch_size=[32, 32, 32])
    label_bank(tmp_path, [model, model], "cpu")
    assert (RealCase.load(tmp_path / "case-pseudo.npz").labels == 0).all()
    assert (tmp_path / "case-real.npz").read_bytes() == before
