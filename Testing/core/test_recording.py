"""What is recorded of a card; without one, what is around it."""

import warnings

import pytest
import torch

from mambamim.recording import Recording, record, watch_for_waits

needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture
def mode(monkeypatch):
    """Torch's mode, kept here where there is no card."""
    modes = ["default"]
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: modes[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    return modes


def test_waiting_is_seen_and_the_mode_set_back(mode):
    def waits():
        warnings.warn("called a synchronizing CUDA operation (Triggered internally)", stacklevel=1)
        return 3

    assert watch_for_waits(lambda: 2) == (2, False)
    assert watch_for_waits(waits) == (3, True)
    assert mode == ["default", "warn", "default", "warn", "default"]


def test_other_warnings_are_told(mode):
    def warns():
        warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="something else") as told:
        assert watch_for_waits(warns) == (None, False)
    assert [str(one.message) for one in told] == ["something else"]


def test_the_mode_is_set_back_where_work_fails(mode):
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        watch_for_waits(fails)
    assert mode[-1] == "default"


@needs_card
def test_a_recording_does_its_work_when_replayed():
    device = torch.device("cuda", torch.cuda.device_count() - 1)
    x = torch.ones(3, device=device)
    x.mul_(2)
    recording = record(lambda held: held[0] * 2, [x], device)
    for factor in (1.0, 5.0):
        got = recording([torch.full((3,), factor, device=device)])
        assert torch.equal(got, torch.full((3,), 2 * factor, device=device))


@needs_card
def test_a_recording_that_fails_leaves_the_stream_as_it_was():
    device = torch.device("cuda")
    x, before = torch.ones(3, device=device), torch.cuda.current_stream()
    assert watch_for_waits(lambda: float(x.sum()))[1]
    assert not watch_for_waits(lambda: x.sum())[1]
    with pytest.raises(RuntimeError):
        record(lambda held: held[0] + float(held[0].sum()), [x], device)
    assert torch.cuda.current_stream() == before
    assert torch.equal(x + x, torch.full((3,), 2.0, device=device))


def test_only_a_batch_of_the_recorded_kinds_fits():
    held = Recording(None, [torch.zeros(2, 3)], torch.zeros(()))
    assert held.fits([torch.ones(2, 3)])
    assert not held.fits([torch.ones(3, 3)])
    assert not held.fits([torch.ones(2, 3, dtype=torch.float64)])
    assert not held.fits([torch.ones(2, 3), torch.ones(2, 3)])
