"""The rivals keep the contract of `build_model`, in miniature: the same wiring, fewer channels."""

import importlib
import json
import sys

import numpy as np
import pytest
import torch

from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.inference.segmenter import Segmenter
from mambamim.models import build_model
from mambamim.models.build import rival_names

TINY: dict[str, dict] = {
    "unetr": {"image_size": 32, "features": 4, "width": 24, "mlp": 32, "heads": 2},
    "swin_unetr": {"width": 12, "depths": [1, 1, 1, 1], "heads": [1, 2, 2, 4]},
    "unet": {"channels": [4, 6, 8, 10, 12]},
    "segresnet": {"width": 8, "depths": [1, 1, 1, 1]},
    "mednext": {"width": 4, "depths": [1] * 9, "expansions": [2] * 9},
}
SHAPES = {"unetr": [(32, 32, 32)], "swin_unetr": [(32, 64, 32)]}
USUAL = [(16, 48, 32), (32, 32, 32)]
# Of the full sizes, one input channel and 14 classes, in millions.
PARAMETERS = {
    "unetr": 92.8,
    "swin_unetr": 62.2,
    "unet": 16.5,
    "segresnet": 18.8,
    "mednext": 10.5,
}


def tiny(name: str, **more):
    if name == "mednext":
        pytest.importorskip("monai.networks.nets.mednext")
    torch.manual_seed(0)
    return build_model(name, **{"num_classes": 3, **TINY[name], **more})


def test_all_rivals_are_here():
    assert rival_names() == list(TINY)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", list(TINY))
@torch.no_grad()
def test_logits_have_the_size_of_the_volume(name, training):
    model = tiny(name, in_channels=2).train(training)
    for shape in SHAPES.get(name, USUAL):
        assert model(torch.rand(1, 2, *shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize("name", list(TINY))
def test_every_parameter_gets_a_gradient(name):
    model = tiny(name).train()
    model(torch.rand(1, 1, *SHAPES.get(name, USUAL)[-1])).square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Instance and group norm take off what a bias before them adds; what is left is rounding.
    assert silent == []


@pytest.mark.parametrize("name", list(TINY))
@torch.no_grad()
def test_a_checkpoint_builds_the_network_again(name, tmp_path):
    model = tiny(name).eval()
    path = tmp_path / "m.safetensors"
    header = save_checkpoint(path, model, {1: "liver", 2: "spleen"}, patch_size=(32, 32, 32))
    assert header.architecture["name"] == name
    for key, value in TINY[name].items():
        assert header.architecture[key] == value
    back = load_checkpoint(path).model
    assert json.dumps(back.architecture) == json.dumps(model.architecture)
    x = torch.rand(1, 1, *SHAPES.get(name, USUAL)[-1])
    assert torch.equal(back(x), model(x))


@pytest.mark.parametrize("name", list(TINY))
def test_a_checkpoint_holds_no_tensor_twice(name):
    state = tiny(name).state_dict()
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)


@pytest.mark.parametrize("name", list(TINY))
def test_the_segmenter_runs_it(name, tmp_path):
    patch = (32, 64, 32) if name == "swin_unetr" else (32, 32, 32)
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, tiny(name), {1: "liver", 2: "spleen"}, patch_size=patch)
    volume = np.random.default_rng(0).uniform(-100, 200, (40, 40, 40)).astype(np.float32)
    affine = np.diag([1.5, 1.5, 1.5, 1])
    labels = Segmenter(path, device="cpu", runtime="torch").segment(volume, affine)
    assert labels.shape == volume.shape
    assert set(np.unique(labels)) <= {0, 1, 2}


@pytest.mark.parametrize("name", list(TINY))
def test_openvino_runs_it_alike(name):
    openvino = pytest.importorskip("openvino")
    model = tiny(name).eval()
    x = torch.rand(1, 1, *SHAPES.get(name, USUAL)[-1])
    converted = openvino.convert_model(model, example_input=x, input=list(x.shape))
    compiled = openvino.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        want = model(x)
    torch.testing.assert_close(torch.from_numpy(compiled(x.numpy())[0]), want, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("name", "millions"), PARAMETERS.items())
def test_the_full_size_is_that_of_the_papers(name, millions):
    if name == "mednext":
        pytest.importorskip("monai.networks.nets.mednext")
    with torch.device("meta"):
        model = build_model(name, num_classes=14)
    assert all(p.is_meta for p in model.parameters())
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("unetr", (48, 48, 48), "32 voxels a side.*image_size"),
        ("swin_unetr", (48, 64, 64), r"swin_unetr.*multiples of 32.*\(48, 64, 64\)"),
        ("swin_unetr", (32, 32, 32), "too small for swin_unetr.*64"),
        ("unet", (16, 16, 16), "too small for unet.*32"),
        ("unet", (24, 32, 32), "multiples of 16"),
        ("segresnet", (24, 32, 32), "multiples of 16"),
        ("mednext", (16, 16, 16), "too small"),
    ],
)
def test_sides_that_do_not_fit_are_told_of(name, shape, said):
    with pytest.raises(BadInputError, match=said):
        tiny(name)(torch.rand(1, 1, *shape))


@pytest.mark.parametrize(
    ("name", "numbers", "said"),
    [
        ("unetr", {"image_size": 40}, "multiple of 16"),
        ("unetr", {"image_size": [32, 32, 32]}, "multiple of 16"),
        ("unetr", {"heads": 5}, "UNETR"),
        ("swin_unetr", {"width": 20}, "SwinUNETR"),
        ("unet", {"channels": [4, 8]}, "DynUNet"),
        ("segresnet", {"depths": [1, 1]}, "decoder_depths"),
        ("segresnet", {"wings": 2}, "wings"),
        ("mednext", {"depths": [1] * 8}, "8 depths"),
    ],
)
def test_numbers_that_do_not_fit_are_told_of(name, numbers, said):
    with pytest.raises(BadInputError, match=said):
        tiny(name, **numbers)


def test_a_monai_without_mednext_is_told_of(monkeypatch):
    importlib.import_module("monai.networks.nets")
    monkeypatch.setitem(sys.modules, "monai.networks.nets.mednext", None)
    with pytest.raises(MissingDependencyError, match=r"MONAI 1\.5"):
        build_model("mednext", **TINY["mednext"])
