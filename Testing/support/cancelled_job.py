"""Cancelling a job of a worker at a moment of its work."""

import time

import pytest

from mambamim.jobs import JobError


def cancel_when(job, *messages: str, after: float = 0.0) -> None:
    """Cancel `job` when it tells one of `messages`; its last event must come within a second.

    Progress in quick succession is thinned out, so one message may go untold by chance: name all
    that this moment can have. Messages count once the job is `after` of its way.
    """
    for event in job.events(120):
        if event.get("message") in messages and event.get("fraction", 0.0) >= after:
            break
    else:
        pytest.fail(f"The job ended without a word of {' or '.join(messages)}.")
    started = time.monotonic()
    job.cancel()
    with pytest.raises(JobError) as stopped:
        job.result(10)
    assert stopped.value.kind == "cancelled"
    assert time.monotonic() - started < 1
