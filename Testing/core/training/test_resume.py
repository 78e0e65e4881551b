"""Resume states are whole or absent, come back bit for bit, and nothing is unpickled."""

import errno
import pickle
import signal

import pytest
import safetensors.torch
import torch
from torch import nn

from mambamim.errors import BadInputError, CheckpointError
from mambamim.training.learner import Learner
from mambamim.training.resume import (
    ResumeState,
    load_state,
    optimizer_tensors,
    restore_optimizer,
    save_state,
)
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

ALONE = Team(0, 1, torch.device("cpu"))


def state(step, size=3) -> ResumeState:
    return ResumeState(step, {"a": torch.full((size,), float(step))}, {"settings": {"seed": 1}})


def names(run) -> list[str]:
    return sorted(path.name for path in (run / "state").iterdir())


def file(run, step):
    return run / "state" / f"step-{step:08d}.safetensors"


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, padding=1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.norm = nn.BatchNorm3d(4)

    def forward(self, x):
        return self.norm(self.conv(x)).mean()


def learner(seed) -> Learner:
    torch.manual_seed(seed)
    return Learner(Small(), ("x",), LoopSettings(average=0.5, learning_rate=0.1), ALONE)


def batches(seed):
    torch.manual_seed(seed)
    while True:
        yield {"x": torch.randn(2, 2, 4, 4, 4)}


def test_everything_comes_back_bit_for_bit(tmp_path):
    first = learner(0)
    for step in range(3):
        first.learn(batches(step), step)
    save_state(tmp_path, ResumeState(3, first.tensors(), {"scores": {"dice": 0.1 + 0.2}}))
    loaded = load_state(tmp_path)
    assert loaded.step == 3
    assert loaded.facts == {"scores": {"dice": 0.1 + 0.2}}
    second = learner(1)
    second.restore(loaded.tensors)
    there, here = first.tensors(), second.tensors()
    assert there.keys() == here.keys()
    assert any(name.startswith("average.") for name in there)
    assert any(name.startswith("optimizer.") for name in there)
    assert all(torch.equal(there[name], here[name]) for name in there)
    assert all(there[name].dtype == here[name].dtype for name in there)
    for each in (first, second):
        each.learn(batches(7), 3)
    assert all(torch.equal(tensor, second.tensors()[k]) for k, tensor in first.tensors().items())


def test_the_optimizers_memory_lies_as_the_parameters_do():
    def with_memory():
        layer = nn.Conv3d(4, 6, 3).to(memory_format=torch.channels_last_3d)
        return layer, torch.optim.AdamW(layer.parameters())

    layer, optimizer = with_memory()
    layer(torch.randn(1, 4, 3, 3, 3)).sum().backward()
    optimizer.step()
    saved = {k: t.clone(memory_format=torch.contiguous_format) for k, t in
             optimizer_tensors(optimizer).items()}  # fmt: skip
    layer, other = with_memory()
    restore_optimizer(other, saved)
    memory = other.state[layer.weight]
    assert memory["exp_avg"].stride() == layer.weight.stride()
    assert torch.equal(memory["exp_avg"], saved["optimizer.0.exp_avg"])
    assert float(memory["step"]) == 1


def test_only_the_last_two_are_kept(tmp_path):
    assert load_state(tmp_path) is None
    for step in (5, 10, 95, 100, 10**8):
        save_state(tmp_path, state(step))
    assert names(tmp_path) == [file(tmp_path, step).name for step in (100, 10**8)]
    assert load_state(tmp_path).step == 10**8


def test_a_truncated_state_gives_way_to_the_one_before(tmp_path, caplog):
    for step in (5, 10):
        save_state(tmp_path, state(step))
    whole = file(tmp_path, 10).read_bytes()
    for length in (0, 4, 20, len(whole) - 1):
        file(tmp_path, 10).write_bytes(whole[:length])
        caplog.clear()
        assert load_state(tmp_path).step == 5
        assert "step-00000010.safetensors is damaged" in caplog.text
    safetensors.torch.save_file({"a": torch.zeros(1)}, file(tmp_path, 10))  # not one of ours
    assert load_state(tmp_path).step == 5


def test_damage_to_all_is_told(tmp_path):
    for step in (5, 10):
        save_state(tmp_path, state(step))
        file(tmp_path, step).write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="All resume states"):
        load_state(tmp_path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_nothing_is_unpickled(tmp_path):
    (tmp_path / "state").mkdir()
    file(tmp_path, 5).write_bytes(pickle.dumps(Bomb()))
    torch.save({"a": torch.zeros(1)}, file(tmp_path, 6))
    with pytest.raises(CheckpointError):
        load_state(tmp_path)


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "step-1.txt").write_text("mine")
    for step in (5, 10, 15):
        save_state(tmp_path, state(step))
    assert "step-1.txt" in names(tmp_path)
    assert load_state(tmp_path).step == 15


def test_a_full_disk_leaves_the_older_states(tmp_path, monkeypatch):
    for step in (5, 10):
        save_state(tmp_path, state(step))
    before = names(tmp_path)

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(BadInputError, match="Free some space"):
        save_state(tmp_path, state(15))
    assert names(tmp_path) == before
    assert load_state(tmp_path).step == 10


def test_a_file_that_the_system_ends_early_is_not_kept(tmp_path):
    """As the last test, with the error that safetensors itself makes of it."""
    resource = pytest.importorskip("resource")
    for step in (5, 10):
        save_state(tmp_path, state(step))
    before, limits = names(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(BadInputError, match="Free some space"):
            save_state(tmp_path, state(15, 1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == before
