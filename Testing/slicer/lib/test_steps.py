import itertools
import time

import pytest
import qt
from events import wait_for

from MambaMIMLib.Steps import Steps


@pytest.fixture
def told():
    return []


def test_the_last_value_is_given(app, told):
    steps = Steps(iter([None, None, 7]), told.append, told.append)
    assert told == []
    wait_for(lambda: told)
    assert told == [7]
    steps.stop()


def test_an_error_is_given(app, told):
    def work():
        yield 1
        raise ValueError("broken")

    _steps = Steps(work(), lambda value: told.append(("done", value)), told.append)
    wait_for(lambda: told)
    assert isinstance(told[0], ValueError)
    assert len(told) == 1


def test_events_happen_between_the_steps(app, told):
    def work():
        for _number in range(10):
            time.sleep(0.02)
            yield None

    ticks = []
    timer = qt.QTimer()
    timer.setInterval(0)
    timer.connect("timeout()", lambda: ticks.append(time.perf_counter()))
    timer.start()
    _steps = Steps(work(), told.append, told.append)
    wait_for(lambda: told)
    timer.stop()
    assert len(ticks) >= 10
    assert max(b - a for a, b in itertools.pairwise(ticks)) < 0.15


def test_short_steps_are_done_together(app, told):
    _steps = Steps(iter(range(20_000)), told.append, told.append)
    began = time.perf_counter()
    wait_for(lambda: told)
    assert time.perf_counter() - began < 1


def test_stopped_work_is_closed_and_says_nothing(app, told):
    closed = []

    def work():
        try:
            while True:
                time.sleep(0.001)
                yield None
        finally:
            closed.append(True)

    steps = Steps(work(), told.append, told.append)
    app.processEvents()
    steps.stop()
    for _number in range(5):
        app.processEvents()
    assert (closed, told) == ([True], [])
