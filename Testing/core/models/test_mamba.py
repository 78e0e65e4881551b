import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambamim.errors import BadInputError
from mambamim.models.mamba import MambaMixer, MambaStage, ScanDirection
from mambamim.models.position import sin_cos_position
from mambamim.ops.scan_order import SCAN_KINDS, scan_order

WIDTH = 12
GRID = (2, 3, 2)


def slow_direction(direction: ScanDirection, x: Tensor) -> Tensor:
    """(E, L) -> (E, L): one channel, one step, one state after the other."""
    inner, length = x.shape
    states = direction.A_log.shape[1]
    rank = direction.dt_proj.in_features
    weight, bias = direction.conv1d.weight, direction.conv1d.bias
    padded = F.pad(x, (3, 0))
    assert bias is not None
    filtered = torch.stack(
        [F.silu((padded[:, t : t + 4] * weight[:, 0]).sum(1) + bias) for t in range(length)], 1
    )
    out = torch.zeros(inner, length)
    state = torch.zeros(inner, states)
    for t in range(length):
        mixed = direction.x_proj.weight @ filtered[:, t]
        step, B, C = mixed[:rank], mixed[rank : rank + states], mixed[rank + states :]
        delta = F.softplus(direction.dt_proj.weight @ step + direction.dt_proj.bias)
        for e in range(inner):
            for n in range(states):
                decay = torch.exp(-delta[e] * direction.A_log[e, n].exp())
                state[e, n] = decay * state[e, n] + delta[e] * B[n] * filtered[e, t]
            out[e, t] = (C * state[e]).sum() + direction.D[e] * filtered[e, t]
    return out


@pytest.mark.parametrize("bidirectional", [False, True])
@torch.no_grad()
def test_mixer_against_a_slow_definition(bidirectional: bool) -> None:
    torch.manual_seed(1)
    mixer = MambaMixer(4, bidirectional, states=3)
    tokens = torch.randn(1, 5, 4)
    both = mixer.in_proj.weight @ tokens[0].t()
    x, gate = both[:8], both[8:]
    y = slow_direction(mixer.ahead, x)
    if bidirectional:
        y = y + slow_direction(mixer.back, x.flip(1)).flip(1)
    want = (mixer.out_proj.weight @ (y * F.silu(gate))).t()
    torch.testing.assert_close(mixer(tokens)[0], want, atol=1e-6, rtol=1e-4)


def test_mamba_starts_with_steps_between_a_thousandth_and_a_tenth() -> None:
    direction = ScanDirection(64, 4)
    steps = F.softplus(direction.dt_proj.bias)
    assert steps.min() > 0.9e-3
    assert steps.max() < 0.11
    assert steps.log().std() > 0.5, "spread in log, not all alike"
    assert torch.allclose(direction.A_log.exp()[5], torch.arange(1.0, 17.0))
    assert (direction.D == 1).all()


def test_forward_only_is_causal_and_both_directions_are_not() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(1, 6, WIDTH)
    other = tokens.clone()
    other[:, 4:] += 1
    for bidirectional in (False, True):
        mixer = MambaMixer(WIDTH, bidirectional).eval()
        with torch.no_grad():
            same = torch.equal(mixer(tokens)[:, :4], mixer(other)[:, :4])
        assert same is not bidirectional


def test_weights_of_an_unused_direction_are_carried_and_frozen() -> None:
    mixer = MambaMixer(WIDTH, bidirectional=False)
    mixer(torch.randn(1, 3, WIDTH)).sum().backward()
    for name, parameter in mixer.named_parameters():
        assert parameter.requires_grad is not name.startswith("back."), name
        assert (parameter.grad is not None) is parameter.requires_grad, name


@pytest.mark.parametrize("scan", SCAN_KINDS)
def test_without_mixing_the_order_does_not_matter(scan: str) -> None:
    stage = MambaStage(WIDTH, 2, bidirectional=True, scan=scan)
    stage.blocks = nn.ModuleList([nn.Identity()])
    grid = torch.randn(2, WIDTH, *GRID)
    position = torch.from_numpy(sin_cos_position(GRID, WIDTH)).t().reshape(WIDTH, *GRID)
    assert torch.equal(stage(grid), grid + position)


@pytest.mark.parametrize("scan", SCAN_KINDS)
@torch.no_grad()
def test_tokens_are_mixed_along_the_scan_order(scan: str) -> None:
    torch.manual_seed(0)
    stage = MambaStage(WIDTH, 2, bidirectional=True, scan=scan)
    grid = torch.randn(2, WIDTH, *GRID)
    order = scan_order(scan, GRID)
    assert torch.equal(stage.order(GRID), order)
    position = torch.from_numpy(sin_cos_position(GRID, WIDTH))
    tokens = (grid.flatten(2).transpose(1, 2) + position)[:, order]
    for block in stage.blocks:
        tokens = block(tokens)
    want = torch.empty_like(tokens)
    want[:, order] = tokens
    got = stage(grid)
    torch.testing.assert_close(got, want.transpose(1, 2).reshape(grid.shape))
    raster = MambaStage(WIDTH, 2, bidirectional=True)
    raster.load_state_dict(stage.state_dict())
    assert torch.allclose(raster(grid), got, atol=1e-5) is (scan == "raster")


@torch.no_grad()
def test_a_subset_of_tokens_runs_alone() -> None:
    stage = MambaStage(WIDTH, 1, bidirectional=True, scan="hilbert")
    tokens = stage.to_tokens(torch.randn(2, WIDTH, *GRID))
    kept = tokens[:, [0, 3, 7]]
    assert stage.forward_tokens(kept).shape == (2, 3, WIDTH)
    assert torch.equal(stage.layer_outputs(kept)[-1], stage.forward_tokens(kept))


def test_one_stage_takes_any_grid_and_trains_after_inference() -> None:
    stage = MambaStage(WIDTH, 1, bidirectional=True, scan="zigzag")
    with torch.inference_mode():
        stage(torch.randn(1, WIDTH, *GRID))
    for shape in (GRID, (1, 1, 1), (3, 1, 5)):
        grid = torch.randn(1, WIDTH, *shape, requires_grad=True)
        stage(grid).square().mean().backward()
        assert grid.grad is not None
    assert not any("position" in key or "order" in key for key in stage.state_dict())


def test_bad_scan_is_named() -> None:
    with pytest.raises(BadInputError, match="spiral"):
        MambaStage(WIDTH, 1, bidirectional=True, scan="spiral")


def test_rank_is_a_sixteenth_of_the_width_rounded_up() -> None:
    assert MambaMixer(24, True).ahead.dt_proj.in_features == math.ceil(24 / 16)
