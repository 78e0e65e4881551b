import pytest

from MambaMIMLib import Words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (42, "42 s"), (89.4, "89 s"), (230, "4 min"), (5400, "1.5 h"), (7200, "2 h")],
)
def test_durations(app, seconds, words):
    assert Words.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.4, "3 s"), (42, "40 s"), (88, "90 s"), (230, "4 min")]
)
def test_a_time_measured_once_is_rounded(app, seconds, words):
    assert Words.aboutDuration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a few seconds left"), (12.4, "12 s left"), (200, "about 3 min left")],
)
def test_time_left(app, seconds, words):
    assert Words.timeLeft(seconds) == words


def test_sizes(app):
    assert (Words.size(11_800_000), Words.size(1_400_000_000)) == ("12 MB", "1.4 GB")
