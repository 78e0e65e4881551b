import pytest


@pytest.fixture
def bench():
    from worker_bench import Bench

    return Bench()
