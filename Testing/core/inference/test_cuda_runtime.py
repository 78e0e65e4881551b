"""The runtime for CUDA cards; where there is none, its recordings are played on the CPU."""

import pytest
import torch
from tiny_networks import TINY
from torch import nn

from mambamim.errors import Cancelled
from mambamim.inference import cuda_runtime
from mambamim.inference.cuda_runtime import CudaRuntime
from mambamim.inference.runtimes import TorchRuntime
from mambamim.models import build_model
from mambamim.recording import Recording

CPU = torch.device("cpu")


def never() -> bool:
    return False


class Replayed:
    """A graph that runs the network anew on what its windows hold by then."""

    def __init__(self, runtime, held, scores):
        self.runtime, self.held, self.scores, self.times = runtime, held, scores, 0

    def replay(self):
        self.times += 1
        with torch.inference_mode():
            self.scores.copy_(self.runtime._run(self.held))


class Played(CudaRuntime):
    """Records without a card."""

    def _record(self, windows):
        held = windows.clone()
        scores = self._run(held)
        return Recording(Replayed(self, held, scores), [held], scores)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("hymamba_small", **TINY["hymamba_small"]).eval()


def test_fewer_windows_use_the_recording_of_more_and_get_their_own_scores(model):
    runtime = Played(model, CPU)
    windows = torch.rand(3, 1, 32, 32, 32)
    first = runtime(windows, never)
    fewer = runtime(windows[1:2], never)
    assert [key[0] for key in runtime._recorded] == [3]
    assert first.dtype == torch.float32
    assert torch.equal(fewer, first[1:2])
    more = runtime(torch.cat([windows, windows]), never)
    assert sorted(key[0] for key in runtime._recorded) == [3, 6]
    assert torch.allclose(more[3:], first, atol=0.05)
    kept = first.clone()
    runtime(torch.zeros_like(windows), never)
    assert torch.equal(first, kept)  # a recording writes over its own tensors, not over these


def test_its_scores_are_those_of_exact_weights_but_for_rounding(model):
    windows = torch.rand(2, 1, 32, 32, 32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    exact = TorchRuntime(model, CPU)(windows, never)
    rounded = Played(model, CPU)(windows, never)
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).abs().max() < 0.05 * exact.std()
    for name, value in model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])


def test_a_network_that_cannot_be_recorded_runs_step_by_step(model, caplog):
    class Unrecordable(CudaRuntime):
        asked = 0

        def _record(self, windows):
            self.asked += 1
            raise RuntimeError("operation not permitted when stream is capturing")

    runtime = Unrecordable(model, CPU)
    windows = torch.rand(2, 1, 32, 32, 32)
    with caplog.at_level("INFO", logger=cuda_runtime.__name__):
        got = runtime(windows, never)
    assert "not recorded" in caplog.text
    assert torch.equal(got, runtime(windows, never))
    assert runtime.asked == 1

    class Full(CudaRuntime):
        def _record(self, windows):
            raise torch.cuda.OutOfMemoryError("full")

    with pytest.raises(torch.cuda.OutOfMemoryError):  # for the caller to take fewer windows
        Full(model, CPU)(windows, never)


def test_it_stops_when_told(model):
    with pytest.raises(Cancelled):
        Played(model, CPU)(torch.rand(1, 1, 32, 32, 32), lambda: True)


def test_only_convolutions_and_linear_layers_are_rounded():
    model = nn.Sequential(nn.Conv3d(1, 2, 1), nn.GroupNorm(1, 2), nn.Linear(2, 2))
    cuda_runtime.round_weights(model)
    kinds = [next(layer.parameters()).dtype for layer in model]
    assert kinds == [torch.bfloat16, torch.float32, torch.bfloat16]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_recording_on_a_card_gives_what_the_cpu_gives(model):
    windows = torch.rand(3, 1, 32, 32, 32)
    want = TorchRuntime(model, CPU)(windows, never)
    runtime = CudaRuntime(model, torch.device("cuda"))
    for part in (windows, windows[:2], windows):
        got = runtime(part, never).cpu()
        assert (got - want[: len(part)]).abs().max() < 0.05 * want.std()
    assert len(runtime._recorded) == 1
