"""Numbers that make no sense are refused by name."""

import pytest

from mambamim.errors import BadInputError
from mambamim.training.settings import LoopSettings


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("steps", [0, -1]),
        ("batch", [0]),
        ("accumulate", [0]),
        ("save_every", [0]),
        ("log_every", [0]),
        ("warmup", [-1]),
        ("validate_every", [-1]),
        ("seed", [-1]),
        ("weight_decay", [-1e-9, float("nan"), float("inf")]),
        ("clip", [-0.1, float("nan")]),
        ("lowest", [-0.1, 1.1, float("nan")]),
        ("learning_rate", [0, -1, float("nan"), float("inf")]),
        ("average", [-0.1, 1.0, float("nan")]),
        ("precision", ["fp16", ""]),
        ("workers", [-2]),
    ],
)
def test_what_makes_no_sense_is_refused(name, values):
    for value in values:
        with pytest.raises(BadInputError, match=name):
            LoopSettings(**{name: value})


def test_the_edges_are_allowed():
    LoopSettings(
        steps=1, batch=1, warmup=0, weight_decay=0, clip=0, lowest=1, average=0.999, workers=-1
    )


def test_workers_suit_the_device(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(16), raising=False)
    assert LoopSettings().reading_workers("cpu", 1) == 0
    assert LoopSettings().reading_workers("cuda", 1) == 12
    assert LoopSettings().reading_workers("cuda", 4) == 3
    assert LoopSettings().reading_workers("cuda", 64) == 1
    assert LoopSettings(workers=5).reading_workers("cpu", 2) == 5
