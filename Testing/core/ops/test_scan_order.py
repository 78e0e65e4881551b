import itertools

import pytest
import torch

from mambamim.errors import BadInputError
from mambamim.ops.scan_order import SCAN_KINDS, scan_order


def steps(order: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """City-block length of each step of the path, (L - 1,)."""
    places = torch.stack(torch.unravel_index(order, shape), 1)
    return places.diff(dim=0).abs().sum(1)


@pytest.mark.parametrize("kind", SCAN_KINDS)
def test_every_order_is_a_permutation(kind: str) -> None:
    for shape in itertools.product((1, 2, 3, 5, 6), repeat=3):
        order = scan_order(kind, shape, seed=1)
        assert order.dtype == torch.long
        assert order.sort().values.tolist() == list(range(order.numel())), shape


def test_raster_counts_up_and_zigzag_and_hilbert_never_jump() -> None:
    assert scan_order("raster", (2, 3, 4)).tolist() == list(range(24))
    for shape in itertools.product((3, 4, 5, 7), repeat=3):
        assert steps(scan_order("zigzag", shape), shape).max() == 1, shape
    for shape in itertools.product((2, 4, 6, 10), repeat=3):
        assert steps(scan_order("hilbert", shape), shape).max() == 1, shape


def test_hilbert_on_a_line_and_on_odd_sides_stays_near() -> None:
    assert scan_order("hilbert", (1, 1, 5)).tolist() == [0, 1, 2, 3, 4]
    for shape in ((7, 5, 3), (5, 5, 5), (3, 6, 1)):
        assert steps(scan_order("hilbert", shape), shape).max() <= 2, shape


def test_shuffle_follows_its_seed_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = scan_order("shuffle", (4, 4, 4), seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, scan_order("shuffle", (4, 4, 4), seed=3))
    assert not torch.equal(first, scan_order("shuffle", (4, 4, 4), seed=4))


def test_the_cached_order_cannot_be_spoilt() -> None:
    scan_order("hilbert", (4, 4, 4)).zero_()
    assert scan_order("hilbert", (4, 4, 4)).unique().numel() == 64


def test_bad_input_is_named() -> None:
    with pytest.raises(BadInputError, match="spiral"):
        scan_order("spiral", (2, 2, 2))
    with pytest.raises(BadInputError, match="at least 1"):
        scan_order("raster", (2, 0, 2))
