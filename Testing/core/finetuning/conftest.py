"""Scans of two blobs that are told by their brightness, and one thread for what is small."""

import pytest
import torch
from blobs import blob_scan

from mambamim.data.prepared_store import prepare


@pytest.fixture(autouse=True)
def one_thread():
    """What is this small gains nothing from a second one, and waits for it on a busy computer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """Four scans with label maps, and the prepared cases of them."""
    folder = tmp_path_factory.mktemp("blobs")
    sources = [blob_scan(folder, number) for number in range(4)]
    return sources, prepare(sources, folder / "store", None).cases
