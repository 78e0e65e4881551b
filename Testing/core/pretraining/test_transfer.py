"""What a network starts from is what the pre-training learnt, or it says why not."""

import dataclasses

import pytest
import torch
from tiny_networks import TINY

from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, CheckpointError
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM, start_from


def build(name="hymamba_small", seed=0, **more):
    torch.manual_seed(seed)
    return build_model(name, **{**TINY[name], **more})


@pytest.mark.parametrize("name", sorted(TINY))
def test_encoder_stage_and_norm_are_those_of_the_pre_training(name):
    mim = MambaMIM(build(name), image_size=32, width=16)
    network = build(name, seed=1, num_classes=3)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    taken = start_from(network, mim)
    theirs = {key.removeprefix("encoder."): t for key, t in mim.state_dict().items()}
    assert {key.split(".")[0] for key in taken} <= {"encoder", "stage", "norm"}
    for key, tensor in network.state_dict().items():
        if key.split(".")[0] in ("encoder", "stage", "norm"):
            assert key in taken
            assert torch.equal(tensor, theirs[key]), key
        else:
            assert key not in taken
            assert torch.equal(tensor, before[key]), key
    volume = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        own, learnt = network.encoder(volume), mim.encoder.encoder(volume)
    assert all(torch.equal(a, b) for a, b in zip(own, learnt, strict=True))
    next(network.encoder.parameters()).data.zero_()
    assert next(mim.encoder.encoder.parameters()).any(), "the two share their memory"


def test_the_scan_order_may_change_after_pre_training():
    mim = MambaMIM(build(), image_size=32, width=16)
    network = build(seed=1, scan="hilbert")
    assert "stage.blocks.0.mamba.in_proj.weight" in start_from(network, mim)
    assert network.stage.scan == "hilbert"


def test_it_starts_from_files_too(pretrained, tmp_path):
    network = build(seed=1)
    taken = start_from(network, pretrained)
    key = "encoder.stem.weight"
    assert key in taken
    assert torch.equal(network.state_dict()[key], pretrained.model.encoder.encoder.stem.weight)
    bare = tmp_path / "encoder.safetensors"  # as `convert` writes the authors' encoder
    save_checkpoint(bare, build(seed=2), {}, kind="pretraining")
    start_from(network, load_checkpoint(bare))
    assert torch.equal(network.state_dict()[key], build(seed=2).state_dict()[key])


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("hymamba_small", {"channels": [4, 6, 8, 10, 16]}, r"encoder\.down.* is .* due"),
        ("hymamba_small", {"layers": 2}, r"stage\.blocks\.1.* is absent"),
        ("hymamba_small", {"depths": [2, 2, 1, 1]}, "where absent is due"),
        ("hymamba_small", {"in_channels": 2}, r"encoder\.stem\.weight"),
        ("hymamba", {}, "SmallEncoder"),
    ],
)
def test_another_architecture_is_refused_and_nothing_changed(pretrained, name, more, said):
    network = build(name, seed=1, **more)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=rf"tiny\.safetensors does not fit.*{said}"):
        start_from(network, pretrained)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_a_network_without_a_mamba_stage_is_another_one():
    with pytest.raises(CheckpointError, match="it has a stage"):
        start_from(build("hymamba_cnn"), MambaMIM(build("hymamba"), image_size=32, width=16))


def test_a_model_that_finds_organs_is_no_pre_training(pretrained):
    header = dataclasses.replace(pretrained.header, kind="segmentation")
    with pytest.raises(BadInputError, match="no pre-training"):
        start_from(build(), dataclasses.replace(pretrained, header=header))
