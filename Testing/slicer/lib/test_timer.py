import time

from MambaMIMLib import Timer


def run(app, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.002)


def test_it_calls_once_and_later(app):
    heard = []
    kept = Timer.after(0.02, lambda: heard.append(1))
    assert heard == []
    run(app, 0.15)
    assert heard == [1]
    kept.stop()
    kept.stop()


def test_a_call_can_be_taken_back(app):
    heard = []
    Timer.after(0.02, lambda: heard.append(1)).stop()
    run(app, 0.1)
    assert heard == []


def test_a_call_may_ask_for_the_next_one(app):
    kept = []

    def call():
        if len(kept) < 4:
            kept.append(Timer.after(0, call))

    kept.append(Timer.after(0, call))
    run(app, 0.2)
    assert len(kept) == 4
