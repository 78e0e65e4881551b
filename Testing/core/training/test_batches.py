"""The samples of a step depend on its number alone; errors of samples reach the user plainly."""

from types import SimpleNamespace

import pytest
import torch
from helper_task import TinyTask
from torch.utils.data import Dataset

from mambamim.errors import BadInputError
from mambamim.training.batches import BatchNumbers, read_batches
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team


def numbers_of(first, settings, size) -> list[list[int]]:
    """Sample numbers of every step, over all processes and parts."""
    ranks = [iter(BatchNumbers(first, settings, rank, size)) for rank in range(size)]
    steps = []
    for _ in range(first, settings.steps):
        parts = [next(rank) for rank in ranks for _ in range(settings.accumulate)]
        assert len({len(part) for part in parts}) == 1
        steps.append(sorted(number for part in parts for number in part))
    assert all(next(rank, None) is None for rank in ranks)
    return steps


@pytest.mark.parametrize(("size", "accumulate"), [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (1, 8)])
def test_a_step_has_the_same_samples_however_it_is_shared(size, accumulate):
    settings = LoopSettings(steps=5, batch=8, accumulate=accumulate)
    steps = numbers_of(0, settings, size)
    assert steps == [list(range(8 * step, 8 * step + 8)) for step in range(5)]


def test_a_run_that_goes_on_sees_what_would_have_come():
    settings = LoopSettings(steps=5, batch=8, accumulate=2)
    for first in range(6):
        assert numbers_of(first, settings, 2) == numbers_of(0, settings, 2)[first:]
        assert len(BatchNumbers(first, settings, 0, 2)) == 2 * (5 - first)


@pytest.mark.parametrize(("batch", "size", "accumulate"), [(6, 4, 1), (6, 1, 4), (6, 2, 2)])
def test_shares_that_do_not_divide_are_refused(batch, size, accumulate):
    settings = LoopSettings(batch=batch, accumulate=accumulate)
    with pytest.raises(BadInputError, match=rf"batch of {batch}.*multiple of {size * accumulate}"):
        BatchNumbers(0, settings, 0, size)


def read(workers, events=None):
    settings = LoopSettings(steps=3, batch=4, accumulate=2, workers=workers)
    return list(read_batches(TinyTask(events=events), settings, Team(0, 1, torch.device("cpu")), 1))


def test_workers_read_the_same_batches():
    alone, helped = read(0), read(1)
    assert [batch["number"].tolist() for batch in alone] == [[4, 5], [6, 7], [8, 9], [10, 11]]
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one["x"], other["x"])


class Threads(Dataset):
    """Tells how many threads torch takes where it is read."""

    def __getitem__(self, number):
        return {"threads": torch.get_num_threads()}


def test_workers_take_one_thread_each():
    task, settings = SimpleNamespace(dataset=Threads()), LoopSettings(steps=2, batch=1, workers=2)
    batches = read_batches(task, settings, Team(0, 1, torch.device("cpu")), 0)
    assert [batch["threads"].tolist() for batch in batches] == [[1], [1]]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_sample_stays_what_it_is(workers):
    with pytest.raises(BadInputError) as caught:
        read(workers, {7: "broken"})
    assert caught.value.message == "Sample 7 is damaged."
    assert caught.value.hint == "Copy it again."
    assert str(caught.value) == "Sample 7 is damaged. Copy it again."
