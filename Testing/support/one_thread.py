"""Tests of what is small run on one thread."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """What is small gains nothing from a second one, and waits for it on a busy computer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
