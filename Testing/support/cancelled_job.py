"""Cancelling a job of a worker at a moment of its work."""

import time

import pytest

from mambamim.jobs import JobError


def cancel_when(job, message: str) -> None:
    """Cancel `job` when it tells `message`; its last event must come within a second."""
    for event in job.events(120):
        if event.get("message") == message:
            break
    started = time.monotonic()
    job.cancel()
    with pytest.raises(JobError) as stopped:
        job.result(10)
    assert stopped.value.kind == "cancelled"
    assert time.monotonic() - started < 1
