from mambamim.jobs.progress import SecondsLeft


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_steady_job_is_foretold_exactly():
    clock = Clock()
    left = SecondsLeft(clock)
    assert left(0.0) is None
    for second in range(1, 10):
        clock.now = second
        assert left(second / 10) == (None if second < 3 else 10 - second)
    assert left(1.0) == 0.0


def test_a_slow_start_is_forgotten():
    clock = Clock()
    left = SecondsLeft(clock)
    left(0.0)
    clock.now = 100  # loading
    left(0.02)
    for step in range(1, 30):
        clock.now = 100 + step
        told = left(0.02 + 0.02 * step)
    assert abs(told - (1 - 0.6) / 0.02) < 1


def test_loading_says_nothing_about_the_pace():
    clock = Clock()
    left = SecondsLeft(clock)
    told = []
    for now, fraction in ((0, 0.0), (9, 0.02), (10, 0.03), (11, 0.13), (12, 0.23)):
        clock.now = now
        told.append(left(fraction))
    assert told[:3] == [None] * 3
    assert told[3:] == [8.7, 7.7]


def test_standing_still_tells_nothing_new():
    clock = Clock()
    left = SecondsLeft(clock)
    left(0.5)
    clock.now = 60
    assert left(0.5) is None
