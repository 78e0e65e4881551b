"""What is masked stays hidden, the loss is the one written down, and every part learns."""

import pytest
import torch
from tiny_networks import TINY

from mambamim.errors import BadInputError
from mambamim.models import build_model
from mambamim.ops.sparse import spread_visible
from mambamim.pretraining import MambaMIM, draw_visible


def make(name="hymamba_small", **options) -> MambaMIM:
    torch.manual_seed(0)
    return MambaMIM(build_model(name, **TINY[name]), image_size=32, width=32, **options)


def draw(batch=2, grid=(2, 3, 2), seed=0):
    generator = torch.Generator().manual_seed(seed)
    visible = draw_visible(batch, grid, 0.5, generator)
    return torch.rand(batch, 1, *(16 * side for side in grid), generator=generator), visible


@pytest.mark.parametrize("fill", ["toki", "learnable"])
@pytest.mark.parametrize("name", TINY)
def test_masked_voxels_do_not_reach_the_prediction(name, fill):
    mim = make(name, fill=fill)
    volume, visible = draw()
    seen = spread_visible(visible, tuple(volume.shape[2:]))
    other = torch.where(seen, volume, torch.randn_like(volume))
    with torch.no_grad():
        first, second = mim(volume, visible), mim(other, visible)
    assert first.prediction.shape == volume.shape
    assert torch.equal(first.prediction, second.prediction)
    assert not torch.equal(first.loss, second.loss)


def test_every_scan_order_is_heard():
    volume, visible = draw()
    predictions, state = [], None
    for scan in ("raster", "zigzag", "hilbert", "shuffle"):
        network = build_model("hymamba_small", scan=scan, **TINY["hymamba_small"])
        mim = MambaMIM(network, 32, width=32)
        state = state or mim.state_dict()
        mim.load_state_dict(state)
        with torch.no_grad():
            predictions.append(mim(volume, visible).prediction)
    assert all(not torch.equal(predictions[0], other) for other in predictions[1:])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fill": "learnable"},
        {"transition": "dense"},
        {"form": "algorithm3"},
        {"skips": False},
        {"bottom_up": False},
        {"target": "raw"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", TINY)
def test_every_part_gets_a_gradient(name, options):
    mim = make(name, **options).train()
    volume, visible = draw(3)
    mim(volume, visible).loss.backward()
    silent = [
        n
        for n, p in mim.named_parameters()
        if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())
    ]
    if options.get("skips") is False:  # blocks on the way to a skip alone are out of the answer
        silent = [name for name in silent if not name.startswith("encoder.encoder.skips.")]
    assert silent == []


def test_the_loss_is_that_of_the_definition():
    mim = make()
    volume, visible = draw()
    with torch.no_grad():
        out = mim(volume, visible)
    errors = []
    for sample, i, j, k in (~visible).nonzero().tolist():
        box = (sample, 0, *(slice(16 * n, 16 * n + 16) for n in (i, j, k)))
        patch = volume[box]
        target = (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()
        errors.append((out.prediction[box] - target).square().mean())
    assert torch.allclose(out.loss, torch.stack(errors).mean(), rtol=1e-5)


def test_a_reconstruction_shows_what_is_visible_as_it_was():
    volume, visible = draw()
    volume = 400 * volume - 175
    seen = spread_visible(visible, tuple(volume.shape[2:]))
    for target in ("normalised", "raw"):
        with torch.no_grad():
            out = make(target=target)(volume, visible)
        assert torch.equal(out.reconstruction[seen], volume[seen])
    assert torch.equal(out.reconstruction[~seen], out.prediction[~seen])


def test_a_perfect_prediction_is_shown_as_the_volume_itself():
    volume, visible = draw()
    with torch.no_grad():
        out = make()(volume, visible)
    mean, deviation = out.patches.mean, out.patches.deviation
    spread = [
        part.repeat_interleave(16, 2).repeat_interleave(16, 3).repeat_interleave(16, 4)
        for part in (mean, deviation)
    ]
    perfect = (volume - spread[0]) / spread[1]
    assert torch.allclose(out.patches.show(perfect, visible), volume, atol=1e-5)
    assert out.patches.error(perfect, visible) < 1e-9


def test_masks_are_drawn_from_the_generator():
    mim = make()
    volume, _ = draw()

    def drawn(seed):
        with torch.no_grad():
            return mim(volume, generator=torch.Generator().manual_seed(seed)).visible

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert (drawn(1).flatten(1).sum(1) == 3).all()


def test_it_learns_more_of_a_ramp_than_its_mean():
    torch.manual_seed(0)
    mim = make(target="raw").train()
    volume = torch.linspace(0, 1, 32)[None, None, :, None, None].expand(1, 1, 32, 32, 32)
    optimizer = torch.optim.Adam(mim.parameters(), 1e-2)
    losses = []
    for step in range(60):
        loss = mim(volume, generator=torch.Generator().manual_seed(step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    variance = 1 / 12  # what the best constant leaves
    assert sum(losses[-5:]) / 5 < 0.75 * variance


def test_the_mamba_stage_may_be_masked_apart_from_the_convolutions():
    mim = make(bottom_up=False)
    volume, visible = draw(8)
    seen = []
    mim.fill.register_forward_hook(lambda module, given, out: seen.append(given[1]))
    with torch.no_grad():
        mim(volume, visible, torch.Generator().manual_seed(0))
    assert not torch.equal(seen[0], visible.flatten(1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_size": 40}, "multiple of 16"),
        ({"mask_ratio": 1.0}, "ratio"),
        ({"fill": "zeros"}, "zeros"),
        ({"target": "hu"}, "hu"),
        ({"transition": "sparse"}, "sparse"),
    ],
)
def test_what_it_cannot_be_is_refused(options, said):
    with pytest.raises(BadInputError, match=said):
        MambaMIM(build_model("hymamba_small", **TINY["hymamba_small"]), width=32, **options)


def test_a_mask_or_a_volume_that_does_not_fit_is_refused():
    mim = make()
    volume, visible = draw()
    with pytest.raises(BadInputError, match="visible"):
        mim(volume, visible[:, :1])
    with pytest.raises(BadInputError, match="multiples of 16"):
        mim(volume[..., :20])
