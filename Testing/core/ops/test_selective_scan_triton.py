"""The Triton backend: when it is taken, and that its kernels equal the torch backend."""

import importlib

import pytest
import torch

from mambamim.errors import MissingDependencyError
from mambamim.ops.selective_scan import (
    BACKENDS,
    Backend,
    choose_backend,
    describe_backends,
    selective_scan,
)
from mambamim.ops.selective_scan_torch import scan_torch

# The package has a function of the same name.
module = importlib.import_module("mambamim.ops.selective_scan")
CUDA = torch.device("cuda")


def make(batch, width, states, length, directions=1, inner=True, rest=True, dtype=torch.float32):
    """Arguments of `scan_triton`; `inner` as linear layers leave them, channels innermost."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    def timed(count, channels):
        flat = draw(count, length, channels).mT if inner else draw(count, channels, length)
        return flat.to(dtype)

    count = batch * directions
    found = {
        "u": timed(count, width),
        "delta": timed(count, width) if rest else timed(count, width).abs(),
        "A": -torch.exp(draw(directions, width, states)),
        "B": timed(count, states),
        "C": timed(count, states),
    }
    if rest:
        more = {"D": draw(directions, width), "delta_bias": draw(directions, width)}
        found |= {**more, "z": timed(batch, width)}
    return found


def leaves_of(arguments, device, dtype=None):
    return {k: v.to(device, dtype).detach().requires_grad_() for k, v in arguments.items()}


def scan_exactly(batch, softplus, A, **arguments):
    """The same with the torch backend, direction by direction; what is timed is turned round."""
    ys, states = [], []
    for direction in range(len(A)):
        part = slice(direction * batch, (direction + 1) * batch)
        given = {k: arguments[k][part] for k in ("u", "delta", "B", "C")}
        if "z" in arguments:
            given["z"] = arguments["z"]
        if direction:
            given = {k: v.flip(2) for k, v in given.items()}
        given |= {k: arguments[k][direction] for k in ("D", "delta_bias") if k in arguments}
        y, state = selective_scan(
            **given, A=A[direction], delta_softplus=softplus, return_last_state=True,
            backend="torch",
        )  # fmt: skip
        ys.append(y.flip(2) if direction else y)
        states.append(state)
    return torch.cat(ys), torch.cat(states)


def error(found, wanted):
    found, wanted = found.detach().cpu().double(), wanted.detach().cpu().double()
    return ((found - wanted).norm() / wanted.norm()).item()


CASES = [
    {"directions": 2},
    {"directions": 2, "inner": False},
    {"rest": False},
    {"dtype": torch.bfloat16},
    {"dtype": torch.bfloat16, "inner": False, "directions": 2},
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [(2, 5, 3, 19), (1, 5, 2, 70), (1, 3, 2, 144), (1, 3, 16, 5)])
def test_values_and_gradients_equal_the_torch_backend(size, case, kernel_device):
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    rest = case.get("rest", True)
    arguments = make(*size, **case)
    leaves = leaves_of(arguments, kernel_device)
    exact = leaves_of(arguments, "cpu", torch.float64)
    got = triton_scan(**leaves, delta_softplus=rest, return_last_state=True)
    want = scan_exactly(size[0], rest, **exact)
    assert got[0].dtype == arguments["u"].dtype
    assert got[1].dtype == torch.float32
    # Different weights on output and last state, so that both ways into the gradient are seen.
    weights = [torch.randn(x.shape, generator=torch.Generator().manual_seed(1)) for x in got]
    grads = [
        torch.autograd.grad(
            sum((w.to(x) * x).sum() for w, x in zip(weights, out, strict=True)),
            list(inputs.values()),
        )
        for out, inputs in ((got, leaves), (want, exact))
    ]
    limit = 2e-6 if arguments["u"].dtype == torch.float32 else 1e-2
    for found, wanted in zip([*got, *grads[0]], [*want, *grads[1]], strict=True):
        assert error(found, wanted) < limit
    assert [g.dtype for g in grads[0]] == [x.dtype for x in leaves.values()]


@pytest.mark.parametrize("used", [0, 1])
def test_either_output_alone_has_gradients(used, kernel_device):
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    arguments = make(1, 5, 3, 70)
    leaves, exact = leaves_of(arguments, kernel_device), leaves_of(arguments, "cpu", torch.float64)
    got = triton_scan(**leaves, delta_softplus=True, return_last_state=True)[used]
    want = scan_exactly(1, True, **exact)[used]
    grads = [
        torch.autograd.grad(
            out.square().sum(), list(inputs.values()), allow_unused=True, materialize_grads=True
        )
        for out, inputs in ((got, leaves), (want, exact))
    ]
    for name, found, wanted in zip(leaves, *grads, strict=True):
        if used == 1 and name in "CDz":  # of which the last state knows nothing
            assert not found.any()
        else:
            assert error(found, wanted) < 2e-6


@pytest.mark.parametrize("inner", [True, False])
def test_the_last_state_is_left_out_where_it_is_not_asked_for(inner, kernel_device):
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    leaves = leaves_of(make(1, 3, 2, 70, inner=inner), kernel_device)
    for learns in (True, False):
        with torch.set_grad_enabled(learns):
            whole = triton_scan(**leaves, delta_softplus=True, return_last_state=True)
            without = triton_scan(**leaves, delta_softplus=True)
        assert whole[1].shape == (1, 3, 2)
        assert without[1] is None
        assert torch.equal(without[0], whole[0])
        assert without[0].requires_grad == learns


def test_gradients_are_the_same_where_steps_are_gathered(kernel_device):
    """Which they are where time is not innermost in B and C."""
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    leaves = leaves_of(make(1, 3, 2, 70, directions=2, inner=False), kernel_device)
    grads = []
    for turned in (False, True):
        given = {k: x.mT.contiguous().mT if turned and k in "BC" else x for k, x in leaves.items()}
        y, _ = triton_scan(**given, delta_softplus=True)
        grads.append(torch.autograd.grad(y.square().sum(), list(leaves.values())))
    for one, two in zip(*grads, strict=True):
        assert torch.allclose(one, two, rtol=1e-5, atol=1e-6)


def test_gradients_are_the_same_every_time(kernel_device):
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    leaves = leaves_of(make(2, 9, 2, 20), kernel_device)
    first, again = (
        torch.autograd.grad(
            triton_scan(**leaves, delta_softplus=True)[0].square().sum(), list(leaves.values())
        )
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("length", [70, 264])
@pytest.mark.parametrize("inner", [True, False])
def test_without_gradients_the_values_are_the_same(length, inner, kernel_device):
    """Then other kernels and longer spans are taken."""
    triton_scan = importlib.import_module("mambamim.ops.selective_scan_triton").scan_triton
    arguments = make(1, 5, 2, length, directions=2, inner=inner)
    with torch.no_grad():
        got = triton_scan(
            **{k: v.to(kernel_device) for k, v in arguments.items()},
            delta_softplus=True,
            return_last_state=True,
        )
    want = scan_exactly(1, True, **{k: v.double() for k, v in arguments.items()})
    for found, wanted in zip(got, want, strict=True):
        assert error(found, wanted) < 2e-6


def test_steps_are_read_in_pairs_only_where_these_are_whole_words():
    pytest.importorskip("triton")
    in_pairs = importlib.import_module("mambamim.ops.selective_scan_triton")._in_pairs
    flat = torch.zeros(2 * 25 + 1, dtype=torch.bfloat16)
    assert in_pairs(flat.as_strided((2, 3, 8), (24, 8, 1)))
    assert in_pairs(flat.as_strided((2, 3, 8), (26, 8, 1)))
    assert not in_pairs(flat.as_strided((2, 3, 8), (25, 8, 1)))
    assert not in_pairs(flat[1:].as_strided((2, 3, 8), (24, 8, 1)))
    assert in_pairs(flat.float()[1:].as_strided((2, 3, 8), (25, 8, 1)))


def test_the_backend_gives_what_torch_gives(kernel_device, monkeypatch):
    monkeypatch.setattr(Backend, "reason_against", lambda self, device=None: "")
    arguments = {
        k: v[0] if k in ("A", "D", "delta_bias") else v for k, v in make(2, 6, 4, 11).items()
    }
    options = {"delta_softplus": True, "return_last_state": True}
    given = {k: v.to(kernel_device) for k, v in arguments.items()}
    got = selective_scan(**given, **options, backend="triton")
    want = selective_scan(**arguments, **options, backend="torch")
    for found, wanted in zip(got, want, strict=True):
        assert error(found, wanted) < 1e-6


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
    x = torch.zeros(1, 4, 8)
    with pytest.raises(MissingDependencyError, match="'triton' cannot run: no CUDA device"):
        selective_scan(x, x, torch.zeros(4, 4), x, x, backend="triton")


def test_a_broken_package_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    backend = Backend(scan_torch, package="no_such_package", cuda=True)
    assert "No module named 'no_such_package'" in backend.reason_against(CUDA)
    assert backend.reason_against(torch.device("cpu")) == "the tensors are on the cpu"


@pytest.mark.parametrize(("states", "dtype"), [(4, torch.float64), (33, torch.float32)])
def test_double_precision_and_many_states_are_left_to_torch(states, dtype, monkeypatch):
    monkeypatch.setattr(Backend, "reason_against", lambda self, device=None: "")
    whole = make(1, 6, states, 20, dtype=dtype)
    inputs = {k: (v[0] if k in ("A", "D", "delta_bias") else v).to(dtype) for k, v in whole.items()}
    options = {"delta_softplus": True, "return_last_state": True}
    got = selective_scan(**inputs, **options, backend="triton")
    want = selective_scan(**inputs, **options, backend="torch")
    for found, wanted in zip(got, want, strict=True):
        assert found.dtype == dtype
        assert torch.equal(found, wanted)


def test_a_whole_backend_is_given_everything_as_it_is(monkeypatch):
    seen = {}

    def core(*inputs):
        seen["dtypes"] = [getattr(x, "dtype", x) for x in inputs]
        return inputs[0], torch.zeros(1, 6, 4)

    monkeypatch.setitem(BACKENDS, "spy", Backend(core, whole=True))
    whole = make(1, 6, 4, 20, dtype=torch.bfloat16)
    inputs = {k: v[0] if k in ("A", "D", "delta_bias") else v for k, v in whole.items()}
    y, _ = selective_scan(**inputs, delta_softplus=True, return_last_state=True, backend="spy")
    half, full = torch.bfloat16, torch.float32
    assert seen["dtypes"] == [half, half, full, half, half, full, half, full, True, True]
    assert torch.equal(y, inputs["u"])
