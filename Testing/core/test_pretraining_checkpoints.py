"""Checkpoints that hold encoder and decoder of a pre-training."""

import pytest
import torch
from edited_checkpoint import edited
from tiny_networks import TINY

from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, CheckpointError
from mambamim.inference import Segmenter
from mambamim.models import build_model
from mambamim.pretraining import MambaMIM


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("hymamba_small", num_classes=3, **TINY["hymamba_small"]).eval()


def test_pretraining_checkpoints_need_no_labels(model, tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_checkpoint(path, model, {}, kind="pretraining")
    assert load_checkpoint(path).header.kind == "pretraining"


@pytest.fixture(scope="module")
def mim():
    torch.manual_seed(0)
    network = build_model("hymamba_small", scan="hilbert", **TINY["hymamba_small"])
    options = {"fill": "learnable", "skips": False, "target": "raw", "mask_ratio": 0.6}
    return MambaMIM(network, image_size=32, width=32, **options).eval()


def test_a_pre_training_comes_back_with_its_decoder_and_options(mim, tmp_path):
    path = tmp_path / "mim.safetensors"
    header = save_checkpoint(path, mim, {}, name="mine")
    assert (header.kind, header.patch_size) == ("pretraining", (32, 32, 32))
    assert header.pretraining == mim.options
    assert read_header(path) == header
    torch.manual_seed(1)
    before = torch.get_rng_state()
    back = load_checkpoint(path).model
    assert torch.equal(torch.get_rng_state(), before), "loading drew the caller's random numbers"
    assert isinstance(back, MambaMIM)
    assert not back.training
    assert (back.options, back.architecture) == (mim.options, mim.architecture)
    volume = torch.rand(1, 1, 32, 32, 32)
    visible = torch.tensor([True, False, False, True, True, False, False, False]).view(1, 2, 2, 2)
    with torch.no_grad():
        one, other = mim(volume, visible), back(volume, visible)
    assert torch.equal(one.prediction, other.prediction)
    assert one.loss == other.loss
    assert back(volume).visible.sum() == 3, "the mask ratio came back"


def test_a_pre_training_by_a_networks_name_tells_its_width():
    with torch.device("meta"):
        mim = MambaMIM("hymamba_small")
    assert mim.options["width"] == 192
    assert mim.architecture["num_classes"] == 1


def test_a_pre_training_fits_half_precision(mim, tmp_path):
    path = tmp_path / "mim.safetensors"
    save_checkpoint(path, mim, {}, weights_dtype="float16")
    for key, tensor in load_checkpoint(path).model.state_dict().items():
        torch.testing.assert_close(tensor, mim.state_dict()[key], rtol=1e-3, atol=1e-4)


def test_the_header_of_other_files_does_not_speak_of_pre_training(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, model, {1: "liver", 2: "spleen"})
    assert b"pretraining" not in path.read_bytes()[:100_000]
    assert read_header(path).pretraining == {}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"pretraining": [1]}, "pretraining"),
        ({"fill": 3}, "pretraining.fill"),
        ({"fill": "zeros"}, "pretraining"),
        ({"mask_ratio": 1.0}, "pretraining"),
        ({"mask_ratio": "much"}, "pretraining.mask_ratio"),
        ({"image_size": 40}, "pretraining"),
        ({"width": 2}, "pretraining.width"),
        ({"skips": 1}, "pretraining.skips"),
        ({"in_channels": 2}, "pretraining.in_channels"),
        ({"unheard_of": 1}, "pretraining.unheard_of"),
        ({"fill": None}, "pretraining.fill"),
    ],
    ids=str,
)
def test_options_of_a_pre_training_that_do_not_fit_are_named(mim, tmp_path, changed, field):
    path = tmp_path / "mim.safetensors"
    save_checkpoint(path, mim, {})
    options = changed.get("pretraining", {**mim.options, **changed})
    if None in changed.values():
        del options["fill"]
    odd = edited(path, tmp_path / "odd.safetensors", pretraining=options)
    with pytest.raises(CheckpointError, match=rf"odd\.safetensors.*'{field}'"):
        load_checkpoint(odd)


def test_options_of_a_pre_training_belong_to_that_kind(mim, tmp_path):
    path = tmp_path / "mim.safetensors"
    with pytest.raises(CheckpointError, match="'pretraining'"):
        save_checkpoint(path, mim, {1: "liver"}, kind="segmentation")
    save_checkpoint(path, mim, {})
    with pytest.raises(CheckpointError, match="tensor"):
        load_checkpoint(edited(path, tmp_path / "bare.safetensors", pretraining={}))
    with pytest.raises(BadInputError, match="finds no organs"):
        Segmenter(path, device="cpu")


def test_a_network_that_cannot_be_built_again_is_not_saved(tmp_path):
    network = build_model("hymamba_small", **TINY["hymamba_small"])
    del network.architecture
    mim = MambaMIM(network, image_size=32, width=32)
    assert mim.architecture is None
    for model in (network, mim):
        with pytest.raises(CheckpointError, match="build it again"):
            save_checkpoint(tmp_path / "m.safetensors", model, {})
    assert not list(tmp_path.iterdir())
