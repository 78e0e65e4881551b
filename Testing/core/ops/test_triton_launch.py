import importlib
import importlib.util

import pytest
import torch

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)

from mambamim.ops import triton_launch
from mambamim.ops.triton_launch import Entry, tl, triton


@triton.jit
def scale(x, y, count, factor, SIZE: tl.constexpr, TWICE: tl.constexpr):
    at = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    value = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32) * factor
    if TWICE:
        value += value
    tl.store(y + at, value.to(y.dtype.element_ty), mask=at < count)


class Kernel:
    """Stands for one that Triton compiles; `calls` are those that it was asked to look at."""

    arg_names = ("x", "y", "count", "SIZE", "TWICE")

    def __init__(self):
        self.calls, self.started = [], []

    def __getitem__(self, grid):
        def start(*arguments, **constants):
            self.calls.append((grid, arguments, constants))
            return Compiled(self)

        return start


class Compiled:
    def __init__(self, kernel):
        self.kernel = kernel

    def __getitem__(self, grid):
        return lambda *arguments: self.kernel.started.append((grid, arguments))


class OnAnotherCard(torch.Tensor):
    def get_device(self):
        return 1


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(triton, "JITFunction", Kernel)
    return Kernel()


def test_a_call_that_is_known_is_started_at_once(kernel):
    entry, x, y = Entry(kernel), torch.zeros(64), torch.zeros(64)
    entry[(3,)](x, y, 64, TWICE=True, SIZE=16, num_warps=2)
    assert len(kernel.calls) == 1
    for _ in range(2):
        entry[(3, 2)](x, y, 64, TWICE=True, SIZE=16, num_warps=2)
    assert len(kernel.calls) == 2
    grid, arguments = kernel.started[0]
    assert grid[:3] == (3, 2, 1)
    assert arguments == (x.data_ptr(), y.data_ptr(), 64, 16, True)


@pytest.mark.parametrize(
    "change",
    ["grid", "dtype", "address", "number", "type", "constant", "option", "device", "place"],
)
def test_what_decides_how_a_kernel_is_compiled_is_looked_at_anew(kernel, monkeypatch, change):
    entry, x, y = Entry(kernel), torch.zeros(64), torch.zeros(64)
    given = {"x": x, "y": y, "count": 64}
    constants = {"SIZE": 16, "TWICE": False, "num_warps": 2}
    entry[(1,)](*given.values(), **constants)
    grid = (2,) if change == "grid" else (1,)
    if change == "dtype":
        given["x"] = x.int()
    elif change == "address":
        given["x"] = x[1:]
    elif change == "number":
        given["count"] = 63
    elif change == "type":
        given["count"] = 64.0
    elif change == "constant":
        constants["TWICE"] = True
    elif change == "option":
        constants["num_warps"] = 4
    elif change == "device":
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    elif change == "place":
        given["x"] = x.as_subclass(OnAnotherCard)
    entry[grid](*given.values(), **constants)
    assert len(kernel.calls) == 2
    assert not kernel.started


@pytest.mark.parametrize("interpreted", [True, False])
@pytest.mark.parametrize("kinds", ["tnt", "ttt", "nt"])
def test_tensors_come_first_and_are_as_many_each_time(kernel, monkeypatch, kinds, interpreted):
    if interpreted:
        monkeypatch.setattr(triton, "JITFunction", int)
    entry, x = Entry(kernel), torch.zeros(4)
    if kinds != "tnt":  # that is wrong from the first
        entry[(1,)](x, x, 4, SIZE=4, TWICE=False)
    wrong = [x if kind == "t" else 4 for kind in kinds]
    with pytest.raises((TypeError, AttributeError), match=r"tensors|data_ptr"):
        entry[(1,)](*wrong, SIZE=4, TWICE=False)


def test_no_more_calls_are_kept_than_memory_is_worth(kernel, monkeypatch):
    monkeypatch.setattr(triton_launch, "_MOST", 2)
    entry, x = Entry(kernel), torch.zeros(4)
    for count in (1, 2, 3, 3):
        entry[(1,)](x, x, count, SIZE=4, TWICE=False)
    assert len(kernel.calls) == 3
    assert len(kernel.started) == 1
    for programs in (2, 3, 4, 4):
        entry[(programs,)](x, x, 3, SIZE=4, TWICE=False)
    assert len(kernel.calls) == 6
    assert len(kernel.started) == 2


def test_a_launch_that_is_kept_is_the_same(kernel):
    launch, x = Entry(kernel).launch((2,), TWICE=True, SIZE=4), torch.zeros(4)
    for _ in range(3):
        launch(x, x, 4)
    assert len(kernel.calls) == 1
    assert kernel.started == [((2, 1, 1), (x.data_ptr(), x.data_ptr(), 4, 4, True))] * 2


def test_a_kernel_gives_the_same_however_it_is_started(kernel_device):
    entry = Entry(scale)
    x = torch.arange(100, device=kernel_device)
    for _ in range(2):
        for dtype in (torch.float32, torch.bfloat16):
            for given in (x.to(dtype), x.to(dtype)[1:]):
                for twice in (False, True):
                    count, got = len(given), torch.empty_like(given, dtype=torch.float32)
                    grid = (triton.cdiv(count, 32),)
                    entry[grid](given, got, count, 0.5, SIZE=32, TWICE=twice)
                    assert torch.equal(got, given.float() * (1.0 if twice else 0.5))
