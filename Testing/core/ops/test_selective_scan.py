"""Every backend of the selective scan equals its definition: values, gradients, state, memory."""

import sys
import types

import pytest
import torch

from mambamim.errors import BadInputError, MissingDependencyError
from mambamim.ops import selective_scan_torch
from mambamim.ops.selective_scan import (
    Backend,
    choose_backend,
    describe_backends,
    selective_scan,
)

FAST = ("torch", "static")


def make(batch, width, states, length, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return {
        "u": draw(batch, width, length),
        "delta": draw(batch, width, length),
        "A": -torch.exp(draw(width, states)),
        "B": draw(batch, states, length),
        "C": draw(batch, states, length),
        "D": draw(width),
        "z": draw(batch, width, length),
        "delta_bias": draw(width),
    }


def run(arguments, backend):
    return selective_scan(**arguments, delta_softplus=True, return_last_state=True, backend=backend)


def test_reference_is_the_recurrence_written_out():
    x = make(1, 1, 1, 3)
    u, delta, A, B, C = (x[k].flatten().tolist() for k in ("u", "delta", "A", "B", "C"))
    state, expected = 0.0, []
    for t in range(3):
        step = torch.nn.functional.softplus(torch.tensor(delta[t])).item()
        state = torch.exp(torch.tensor(step * A[0])).item() * state + step * B[t] * u[t]
        expected.append(C[t] * state)
    y = selective_scan(
        x["u"], x["delta"], x["A"], x["B"], x["C"], delta_softplus=True, backend="reference"
    )
    torch.testing.assert_close(
        y.flatten(), torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("size", [(2, 5, 16, 1), (1, 3, 4, 37), (2, 8, 4, 216), (1, 4, 16, 700)])
def test_values_and_gradients_equal_the_reference(backend, size):
    leaves = {k: v.requires_grad_() for k, v in make(*size).items()}
    want, want_state = run(leaves, "reference")
    got, got_state = run(leaves, backend)
    torch.testing.assert_close(got, want, atol=1e-10, rtol=1e-9)
    torch.testing.assert_close(got_state, want_state, atol=1e-10, rtol=1e-9)
    # Different weights on output and last state, so that both ways into the gradient are seen.
    weight, state_weight = torch.randn_like(want), torch.randn_like(want_state)
    grads = [
        torch.autograd.grad((y * weight).sum() + (s * state_weight).sum(), list(leaves.values()))
        for y, s in ((want, want_state), (got, got_state))
    ]
    for name, a, b in zip(leaves, *grads, strict=True):
        torch.testing.assert_close(b, a, atol=1e-8, rtol=1e-7, msg=lambda m, n=name: f"{n}: {m}")


def test_chunks_join_seamlessly(monkeypatch):
    x = make(2, 6, 4, 53, dtype=torch.float32)
    whole, state = run(x, "torch")
    monkeypatch.setattr(selective_scan_torch, "chunk_length", lambda u, states: 8)
    pieces, piece_state = run(x, "torch")
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(piece_state, state)


def test_prefix_does_not_see_the_future():
    x = make(1, 4, 4, 40)
    full, _ = run(x, "torch")
    for key in ("u", "delta", "B", "C", "z"):
        x[key] = x[key].clone()
        x[key][..., 20:] = 100.0
    changed, _ = run(x, "torch")
    torch.testing.assert_close(changed[..., :20], full[..., :20])
    assert not torch.allclose(changed[..., 20:], full[..., 20:])


def test_half_precision_keeps_fp32_states():
    x = make(1, 8, 8, 300, dtype=torch.float32)
    want, _ = run(x, "torch")
    got, state = run({k: v.bfloat16() if k != "A" else v for k, v in x.items()}, "torch")
    assert got.dtype == torch.bfloat16
    assert state.dtype == torch.float32
    assert (got.float() - want).abs().max() < 0.05 * want.abs().max()


def test_backward_keeps_a_few_times_the_input():
    """What autograd saves for a long sequence is counted, tensor by tensor."""
    x = make(1, 32, 16, 4096, dtype=torch.float32)
    u, delta, A, B, C = (x[k].requires_grad_() for k in ("u", "delta", "A", "B", "C"))
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        selective_scan(u, delta, A, B, C, backend="torch")
    bytes_saved = sum(t.numel() * t.element_size() for t in saved)
    bytes_in = sum(t.numel() * t.element_size() for t in (u, delta, A, B, C))
    assert bytes_saved < 2 * bytes_in  # all states would be N = 16 times


def test_backward_time_is_linear_in_length():
    """No quadratic backward: as many operations a step when the sequence is 8 times longer."""

    def operations(length):
        x = make(1, 4, 4, length, dtype=torch.float32)
        leaves = {k: v.requires_grad_() for k, v in x.items()}
        with torch.profiler.profile() as profile:
            run(leaves, "torch")[0].sum().backward()
        return sum(e.count for e in profile.key_averages()) / length

    assert operations(2048) < 1.5 * operations(256)


def test_auto_takes_torch_on_the_cpu_and_static_when_traced():
    assert choose_backend(torch.device("cpu")) == "torch"
    x = make(1, 4, 4, 24, dtype=torch.float32)

    def scan(u):
        return selective_scan(u, x["delta"], x["A"], x["B"], x["C"], delta_softplus=True)

    traced = torch.jit.trace(scan, x["u"])
    other = torch.randn_like(x["u"])
    torch.testing.assert_close(traced(other), scan(other))


def test_mamba_ssm_is_used_with_its_own_shapes(monkeypatch):
    """Without the package's kernels here, its interface is played by the reference."""
    seen = {}

    def selective_scan_fn(u, delta, A, B, C, D, z, delta_bias, delta_softplus, return_last_state):
        seen["dtypes"] = (u.dtype, delta.dtype, A.dtype, B.dtype, z.dtype, D.dtype)
        seen["contiguous"] = all(t.is_contiguous() for t in (u, delta, B, C, z))
        rest = {"delta_softplus": delta_softplus, "return_last_state": return_last_state}
        return selective_scan(u, delta, A, B, C, D, z, delta_bias, backend="reference", **rest)

    interface = types.ModuleType("mamba_ssm.ops.selective_scan_interface")
    interface.selective_scan_fn = selective_scan_fn
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.selective_scan_interface", interface)
    monkeypatch.setattr(Backend, "reason_against", lambda self, device=None: "")
    x = make(1, 4, 4, 24, dtype=torch.float32)
    got, _ = run({**x, "delta": x["delta"].mT.contiguous().mT}, "mamba_ssm")
    want, _ = run(x, "reference")
    torch.testing.assert_close(got, want)
    assert seen["contiguous"]
    assert set(seen["dtypes"]) == {torch.float32}


def test_descriptions_say_what_runs_and_why():
    found = describe_backends()
    assert found["torch"] == "ready"
    assert "torch on cpu" in found["auto"] or "cuda" in found["auto"]
    if not torch.cuda.is_available():
        assert found["mamba_ssm"] != "ready"


def test_misfits_are_named():
    x = make(1, 4, 4, 10)
    with pytest.raises(BadInputError, match="no scan backend 'fast'"):
        run(x, "fast")
    if not torch.cuda.is_available():
        with pytest.raises(MissingDependencyError, match="mamba_ssm"):
            run(x, "mamba_ssm")
    with pytest.raises(BadInputError, match="B must be"):
        run({**x, "B": x["B"][:, :2]}, "torch")
