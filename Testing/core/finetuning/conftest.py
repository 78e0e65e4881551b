"""Scans of two blobs that are told by their brightness, and one thread for what is small."""

import pytest
from blobs import blob_scan
from one_thread import one_thread  # noqa: F401

from mambamim.data.prepared_store import prepare


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """Four scans with label maps, and the prepared cases of them."""
    folder = tmp_path_factory.mktemp("blobs")
    sources = [blob_scan(folder, number) for number in range(4)]
    return sources, prepare(sources, folder / "store", None).cases
