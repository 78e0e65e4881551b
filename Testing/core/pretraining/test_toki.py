"""TOKI against its definition, summed term by term."""

import itertools

import pytest
import torch

from mambamim.errors import BadInputError
from mambamim.ops import scan_order
from mambamim.pretraining import TOKI
from mambamim.pretraining.toki import FORMS, TRANSITIONS

C = 5


def by_definition(tokens, visible, A, B, form):
    """(K, C), (L,) -> (L, C), one term of Eq. 8 after the other."""
    A, B = (torch.diag(m) if m.dim() == 1 else m for m in (A, B))
    size = len(visible)
    places = visible.nonzero()[:, 0].tolist()
    of = dict(zip(places, tokens, strict=True))
    out = torch.zeros(size, tokens.shape[1], dtype=tokens.dtype)
    for place, token in of.items():
        out[place] = token
    for left, right in itertools.pairwise([-1, *places, size]):
        q = right - left - 1
        y_left, y_right = of.get(left, of.get(right)), of.get(right, of.get(left))
        s = [(1 - n / (q + 1)) * y_left + n / (q + 1) * y_right for n in range(q + 2)]
        for j in range(1, q + 1):
            terms = (
                torch.linalg.matrix_power(A, j - n) @ B @ (s[n] if form == "equation8" else s[j])
                for n in range(j + 1)
            )
            out[left + j] = sum(terms)
    return out


def make(transition, form, dtype=torch.float64, noise=0.3, channels=C):
    torch.manual_seed(3)
    toki = TOKI(channels, transition, form).to(dtype)
    with torch.no_grad():
        for weights in toki.parameters():
            weights += noise * torch.randn_like(weights)
    return toki


def draw(batch, size, kept, seed=0, channels=C):
    g = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(size, generator=g) for _ in range(batch)])
    tokens = torch.randn(batch, kept, channels, generator=g, dtype=torch.float64)
    return tokens, order < kept


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transition", TRANSITIONS)
@pytest.mark.parametrize(("size", "kept"), [(27, 3), (40, 30), (33, 1), (8, 8), (9, 7)])
def test_it_is_its_definition(transition, form, size, kept):
    toki = make(transition, form)
    tokens, visible = draw(3, size, kept)
    got = toki(tokens, visible)
    A, B = toki.discretize()
    for row in range(3):
        want = by_definition(tokens[row], visible[row], A, B, form)
        assert torch.allclose(got[row], want, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_its_gradients_are_those_of_the_definition(transition, form):
    toki = make(transition, form)
    tokens, visible = draw(1, 20, 4)
    tokens.requires_grad_()
    weight = torch.randn(20, C, dtype=torch.float64)
    leaves = [tokens, *toki.parameters()]
    got = torch.autograd.grad((toki(tokens, visible)[0] * weight).sum(), leaves)
    A, B = toki.discretize()
    want = by_definition(tokens[0], visible[0], A, B, form)
    for a, b in zip(got, torch.autograd.grad((want * weight).sum(), leaves), strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_visible_tokens_stay_bit_for_bit(transition, dtype):
    toki = make(transition, "equation8", torch.float32)
    tokens, visible = draw(2, 50, 20)
    tokens = tokens.to(dtype)
    got = toki(tokens, visible)
    assert got.dtype == dtype
    assert torch.equal(got[visible].view(2, 20, C), tokens)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transition", TRANSITIONS)
@pytest.mark.parametrize("kept", [1, 2])
def test_a_gap_as_long_as_the_sequence_is_stable_in_fp32(transition, form, kept):
    """Also with a filter that hardly forgets, where the sums are longest."""
    toki = make(transition, form, noise=0.05)
    with torch.no_grad():
        toki.filter.d.fill_(-6.0)
    single = TOKI(C, transition, form)
    single.load_state_dict({k: v.float() for k, v in toki.state_dict().items()})
    tokens, visible = draw(1, 4096, kept)
    want = toki(tokens, visible)
    got = single(tokens.float(), visible)
    assert torch.isfinite(got).all()
    assert (got - want).abs().max() < 2e-4 * want.abs().max()


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_no_filter_explodes(transition):
    toki = make(transition, "equation8", noise=3.0)
    A, _ = toki.discretize()
    largest = A.abs().max() if A.dim() == 1 else torch.linalg.eigvals(A).abs().max()
    assert 0 < largest < 1


def test_a_new_filter_passes_a_constant_on():
    toki = TOKI(C)
    visible = torch.zeros(1, 60, dtype=torch.bool)
    visible[0, 30] = True
    filled = toki(torch.ones(1, 1, C), visible)[0]
    assert torch.allclose(filled[50:], torch.ones(10, C), atol=1e-4)


def test_samples_do_not_mix():
    toki = make("diagonal", "equation8")
    tokens, visible = draw(4, 30, 9)
    together = toki(tokens, visible)
    for row in range(4):
        alone = toki(tokens[row : row + 1], visible[row : row + 1])
        assert torch.allclose(alone[0], together[row], rtol=1e-12)


def test_another_scan_order_is_another_sequence():
    """Along another path the neighbours are others: what counts is the order of the sequence."""
    toki = make("diagonal", "equation8")
    order = scan_order("hilbert", (4, 4, 4))
    visible = torch.rand(1, 64, generator=torch.Generator().manual_seed(0)) < 0.3
    along = visible[:, order]
    tokens = torch.randn(1, int(visible.sum()), C, dtype=torch.float64)
    A, B = toki.discretize()
    want = by_definition(tokens[0], along[0], A, B, "equation8")
    assert torch.allclose(toki(tokens, along)[0], want, rtol=1e-9)


def test_nothing_visible_or_a_wrong_count_is_an_error():
    toki = TOKI(4)
    with pytest.raises(ValueError, match="visible"):
        toki(torch.zeros(1, 0, 4), torch.zeros(1, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="2 True"):
        toki(torch.zeros(1, 2, 4), torch.ones(1, 5, dtype=torch.bool))


def test_unknown_kinds_are_refused():
    with pytest.raises(BadInputError, match="sparse"):
        TOKI(4, "sparse")
    with pytest.raises(BadInputError, match="equation9"):
        TOKI(4, form="equation9")
