"""The Triton backend: when it is taken and, where a GPU is, that it equals the torch backend."""

import importlib

import pytest
import torch
import torch.nn.functional as F

from mambamim.errors import MissingDependencyError
from mambamim.ops.selective_scan import BACKENDS, Backend, choose_backend, describe_backends
from mambamim.ops.selective_scan_torch import scan_torch

# The package has a function of the same name.
module = importlib.import_module("mambamim.ops.selective_scan")
CUDA = torch.device("cuda")
WHY_NOT = BACKENDS["triton"].reason_against(CUDA)
on_gpu = pytest.mark.skipif(bool(WHY_NOT), reason=f"Triton backend: {WHY_NOT}")


def make(batch, width, states, length, dtype=torch.float32, device="cpu"):
    """u, delta, A, B, C with B transposed in memory, as the mixer's projection leaves it."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    u, delta = draw(batch, width, length), F.softplus(draw(batch, width, length))
    A = -torch.exp(draw(width, states))
    B, C = draw(batch, length, states), draw(batch, states, length)
    u, delta, B, C = (x.to(device, dtype) for x in (u, delta, B, C))
    return u, delta, A.to(device), B.mT, C


def error(found, wanted):
    return ((found.double() - wanted.double()).norm() / wanted.double().norm()).item()


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "size", [(2, 33, 16, 7), (2, 8, 16, 16), (1, 40, 4, 17), (2, 37, 5, 54), (8, 96, 16, 216)]
)
def test_values_and_gradients_equal_the_torch_backend(size, dtype):
    leaves = [x.detach().requires_grad_() for x in make(*size, dtype=dtype, device="cuda")]
    exact = [x.detach().double().requires_grad_() for x in leaves]
    got, want = BACKENDS["triton"].core(*leaves), scan_torch(*exact)
    # Different weights on output and last state, so that both ways into the gradient are seen.
    weights = [torch.randn_like(x) for x in got]
    grads = [
        torch.autograd.grad(sum((w * x).sum() for w, x in zip(weights, out, strict=True)), inputs)
        for out, inputs in ((got, leaves), (want, exact))
    ]
    assert {x.dtype for x in got} == {torch.float32}
    assert [g.dtype for g in grads[0]] == [x.dtype for x in leaves]
    for found, wanted in zip(got, want, strict=True):
        assert error(found, wanted) < 1e-5
    for found, wanted in zip(*grads, strict=True):
        assert error(found, wanted) < (1e-5 if found.dtype == torch.float32 else 5e-3)


@on_gpu
def test_gradients_are_the_same_every_time():
    leaves = [x.detach().requires_grad_() for x in make(2, 64, 16, 54, device="cuda")]
    first, again = (
        torch.autograd.grad(BACKENDS["triton"].core(*leaves)[0].square().sum(), leaves)
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_it_comes_first_where_it_can_run(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(module, "_import_error", lambda package: "")
    monkeypatch.setattr(module, "is_capable", lambda index: False)
    assert choose_backend(CUDA) == "mamba_ssm"
    assert describe_backends()["triton"] == "the CUDA device is too old for its kernels"
    monkeypatch.setattr(module, "is_capable", lambda index: True)
    assert choose_backend(CUDA) == "triton"
    assert choose_backend(torch.device("cpu")) == "torch"
    monkeypatch.setattr(module, "_import_error", lambda package: f"No module named {package!r}")
    assert choose_backend(CUDA) == "torch"
    assert describe_backends()["triton"] == "triton cannot be imported (No module named 'triton')"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_the_reason_is_told():
    found = describe_backends()
    assert found["triton"] == "no CUDA device"
    assert "triton: no CUDA device" in found["auto"]
    u, delta, A, B, C = make(1, 4, 4, 8)
    with pytest.raises(MissingDependencyError, match="'triton' cannot run: no CUDA device"):
        module.selective_scan(u, delta, A, B, C, backend="triton")


def test_a_broken_package_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    backend = Backend(scan_torch, package="no_such_package", cuda=True)
    assert "No module named 'no_such_package'" in backend.reason_against(CUDA)
    assert backend.reason_against(torch.device("cpu")) == "the tensors are on the cpu"


def test_double_precision_is_left_to_torch():
    inputs = [x.double() for x in make(1, 6, 4, 20)]
    for found, wanted in zip(BACKENDS["triton"].core(*inputs), scan_torch(*inputs), strict=True):
        assert found.dtype == torch.float64
        assert torch.equal(found, wanted)


def test_half_precision_reaches_it_uncopied_but_for_the_step_size(monkeypatch):
    seen = {}

    def core(*inputs):
        seen["dtypes"] = [x.dtype for x in inputs]
        return scan_torch(*(x.float() for x in inputs))

    monkeypatch.setitem(BACKENDS, "spy", Backend(core, half=True))
    u, delta, A, B, C = make(1, 6, 4, 20, dtype=torch.bfloat16)
    arguments = {"D": torch.ones(6), "delta_softplus": True, "return_last_state": True}
    y, state = module.selective_scan(u, delta, A, B, C, **arguments, backend="spy")
    half, full = torch.bfloat16, torch.float32
    assert seen["dtypes"] == [half, full, full, half, half]
    want, want_state = module.selective_scan(u, delta, A, B, C, **arguments, backend="torch")
    assert torch.equal(y, want)
    assert torch.equal(state, want_state)
