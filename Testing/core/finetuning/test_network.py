"""What a network to fine-tune takes over from an earlier training."""

import pytest
import torch
from tiny_networks import TINY

from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, CheckpointError
from mambamim.finetuning.finetune_settings import NETWORKS
from mambamim.finetuning.network import _head, network_to_tune
from mambamim.models import build_model
from mambamim.models.build import model_names, rival_names
from mambamim.pretraining import MambaMIM

SIZE = (32, 32, 32)
HEAD = {"decoder.head.weight", "decoder.head.bias"}


def backbone(classes=4, **numbers):
    return build_model("hymamba_small", num_classes=classes, **TINY["hymamba_small"], **numbers)


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory):
    path = tmp_path_factory.mktemp("start") / "three.safetensors"
    torch.manual_seed(7)
    save_checkpoint(path, backbone(), {1: "liver", 2: "spleen", 3: "colon"}, name="three")
    return path


def begun(path, *classes, seed=0):
    torch.manual_seed(seed)
    return network_to_tune("hymamba", str(path), classes, SIZE).state_dict()


def test_the_networks_are_those_that_can_be_built():
    assert set(NETWORKS) == {*model_names(), *rival_names()}
    assert len(set(NETWORKS)) == len(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_head_with_an_axis_of_classes(name):
    with torch.device("meta"):
        network = network_to_tune(name, "", ("a", "b"), SIZE)
    tensors, head = network.state_dict(), _head(network)
    assert head
    assert all(tensors[key].shape[axis] == 3 for key, axis in head.items())
    if name == "unetr":
        assert network.architecture["image_size"] == 32, "it takes crops of its size alone"


def test_from_scratch():
    torch.manual_seed(0)
    network = network_to_tune("hymamba_small", "", ("a", "b"), SIZE)
    assert network.architecture == build_model("hymamba_small", num_classes=3).architecture
    with pytest.raises(BadInputError, match="equal sides"):
        network_to_tune("unetr", "", ("a",), (32, 32, 48))


def test_from_a_pretraining(tmp_path):
    torch.manual_seed(3)
    mim = MambaMIM(backbone(), image_size=32, width=32)
    path = tmp_path / "mim.safetensors"
    save_checkpoint(path, mim, {}, name="mim")
    ours, theirs = begun(path, "a", "b"), mim.encoder.state_dict()
    taken = {k for k in ours if k in theirs and k.split(".")[0] in ("encoder", "stage", "norm")}
    assert {key.split(".")[0] for key in taken} >= {"encoder", "stage"}
    assert all(torch.equal(ours[key], theirs[key]) for key in taken)
    assert ours["decoder.head.bias"].shape == (3,)
    fresh = begun(path, "a", "b", seed=1)
    assert any(not torch.equal(ours[key], fresh[key]) for key in ours.keys() - taken)


def test_from_a_segmentation_of_the_same_classes(segmentation):
    ours = begun(segmentation, "liver", "spleen", "colon")
    theirs = load_checkpoint(segmentation).model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_from_a_segmentation_of_other_classes(segmentation):
    ours, theirs = begun(segmentation, "colon", "new", "liver", "other"), load_checkpoint(
        segmentation
    ).model.state_dict()  # fmt: skip
    assert all(torch.equal(ours[key], theirs[key]) for key in ours.keys() - HEAD)
    for key in HEAD:
        assert ours[key].shape[0] == 5
        for mine, other in ((0, 0), (1, 3), (3, 1)):
            assert torch.equal(ours[key][mine], theirs[key][other])
    weight = ours["decoder.head.weight"]
    rest = begun(segmentation, "colon", "new", "liver", "other", seed=5)["decoder.head.weight"]
    assert not torch.equal(weight[[2, 4]], rest[[2, 4]]), "classes it did not know are fresh"
    assert torch.equal(weight[[0, 1, 3]], rest[[0, 1, 3]])


def test_the_same_classes_in_another_order(segmentation):
    ours = begun(segmentation, "colon", "liver", "spleen")
    theirs = load_checkpoint(segmentation).model.state_dict()
    for key in HEAD:
        assert torch.equal(ours[key], theirs[key][[0, 3, 1, 2]])


@pytest.mark.slow
def test_a_head_that_has_its_classes_second(tmp_path):
    """As transposed convolutions do."""
    numbers = {"width": 4, "depths": [1] * 9, "expansions": [1] * 9}
    torch.manual_seed(2)
    source = build_model("mednext", num_classes=3, **numbers)
    path = tmp_path / "mednext.safetensors"
    save_checkpoint(path, source, {1: "liver", 2: "spleen"}, name="mednext")
    ours, theirs = begun(path, "spleen", "new", "liver"), source.state_dict()
    key = "network.out_0.conv_out.weight"
    assert torch.equal(ours[key][:, [0, 1, 3]], theirs[key][:, [0, 2, 1]])


def test_what_cannot_be_begun_with(tmp_path):
    with pytest.raises(CheckpointError, match="absent"):
        begun(tmp_path / "absent.safetensors", "a")
