import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mambamim.errors import BadInputError
from mambamim.models import build_model, convert_reference_state_dict
from mambamim.models.build import model_names
from mambamim.ops.sparse import SparseBatchNorm3d, SparseConv3d, SparseMaxPool3d, hide
from mambamim.pretraining import check_backbone, draw_visible
from mambamim.pretraining.backbone import MaskedEncoder

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"


class Plain(nn.Module):
    """Somebody's own encoder in a few lines, from sparse operators."""

    channels = (4, 6)

    def __init__(self):
        super().__init__()
        self.first = SparseConv3d(1, 4, 3, padding=1)
        self.norm = SparseBatchNorm3d(4)
        self.pool = SparseMaxPool3d(16)
        self.second = SparseConv3d(4, 6, 1)

    def forward(self, x, visible=None):
        fine = self.norm(self.first(hide(x, visible), visible), visible)
        return [fine, self.second(self.pool(fine, visible), visible)]


class Network(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.stage = encoder, None


@pytest.mark.parametrize("name", model_names())
def test_every_network_keeps_the_contract(name):
    check_backbone(build_model(name).eval())


def test_a_new_backbone_is_one_encoder():
    check_backbone(Network(Plain()))


class Leaking(Plain):
    def forward(self, x, visible=None):
        fine, deep = super().forward(x, visible)
        return [fine, hide(deep + self.second(self.pool(self.first(x), None)), visible)]


class Showing(Plain):
    def forward(self, x, visible=None):
        fine, deep = super().forward(x, visible)
        return [fine + 1, deep]


class Thin(Plain):
    channels = (4, 7)


class Few(Plain):
    channels = (4, 6, 8)


class Shallow(Plain):
    def forward(self, x, visible=None):
        fine, _ = super().forward(x, visible)
        return [fine, self.second(fine, visible)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Leaking, "changes with voxels"),
        (Showing, "not zero"),
        (Thin, "6 channels, not 7"),
        (Few, "2 features"),
        (Shallow, "stride 16"),
    ],
)
def test_the_self_check_says_what_is_amiss(kind, said):
    with pytest.raises(BadInputError, match=said):
        check_backbone(Network(kind()))


def test_what_has_no_encoder_is_refused():
    with pytest.raises(BadInputError, match="encoder"):
        check_backbone(nn.Linear(1, 1))


@pytest.mark.parametrize("scan", ["raster", "hilbert", "shuffle"])
def test_the_mamba_stage_sees_the_visible_tokens_in_scan_order(scan):
    network = build_model("hymamba_small", scan=scan).eval()
    encoder = MaskedEncoder(network).eval()
    visible = draw_visible(2, (2, 3, 4), 0.5, torch.Generator().manual_seed(0))
    volume = torch.rand(2, 1, 32, 48, 64)
    with torch.no_grad():
        got = encoder(volume, visible)
        deepest = network.encoder(volume, visible)[-1]
        for sample in range(2):
            tokens = network.stage.to_tokens(deepest[sample : sample + 1])
            order = network.stage.order((2, 3, 4))
            seen = visible[sample].flatten()[order]
            alone = network.stage.forward_tokens(tokens[:, seen])
            assert torch.allclose(got.tokens[sample], alone[0], atol=1e-5)
            assert torch.equal(got.visible[sample], seen)
    whole = torch.zeros(2, 24, got.tokens.shape[2])
    whole[got.visible] = got.tokens.flatten(0, 1)
    grid = encoder.to_grid(whole, (2, 3, 4))
    assert torch.equal(grid.abs().sum(1) > 0, visible)


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.exists(), reason="the authors' outputs are not at hand")
def test_the_masked_encoder_is_the_authors(monkeypatch):
    monkeypatch.syspath_prepend(str(REFERENCE))
    import weights

    shapes = json.loads((REFERENCE / "hymamba.json").read_text())
    theirs = np.load(REFERENCE / "hymamba.npz")
    state = {k: torch.from_numpy(v) for k, v in weights.make_state_dict(shapes, 11).items()}
    network = build_model("hymamba")
    network.load_state_dict(convert_reference_state_dict(state), strict=False)
    # In float64: theirs are rounded to float32, which takes nearly all of what is allowed, and how
    # ours would be rounded depends on the processor.
    encoder = MaskedEncoder(network.double()).eval()
    visible = torch.from_numpy(theirs["visible"])[None]
    with torch.no_grad():
        got = encoder(torch.from_numpy(weights.make_volume(11)).double(), visible)
    pairs = [
        (got.tokens[0], "sparse_tokens"),
        (got.skips[0][0, :, 16:32, 16:32, 16:32], "sparse_x1_crop"),  # masked: all zero
        (got.skips[2][0, :, 4:12, 4:12, 4:12], "sparse_x3_crop"),
    ]
    for ours, name in pairs:
        want = theirs[name]
        assert np.abs(ours.numpy() - want).max() <= 1e-4 * want.std() + 1e-5, name
    means = np.array([float(skip.mean()) for skip in got.skips])
    stds = np.array([float(skip.std()) for skip in got.skips])
    assert np.abs(means - theirs["sparse_means"]).max() <= 1e-4 * theirs["sparse_stds"].max() + 1e-5
    assert np.allclose(stds, theirs["sparse_stds"], rtol=1e-3)
