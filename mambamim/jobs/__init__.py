"""The job protocol: a worker that does the long work, and a client that needs no torch.

The two sides meet in JSON lines and files, so that a program with a window never freezes, never
loads torch, and outlives a crash of the work. See docs/jobs.md.
"""

from mambamim.jobs.client import Job, JobError, WorkerClient
from mambamim.jobs.event_log import read_events
from mambamim.jobs.protocol import cancel_line, job_line, parse_event, shutdown_line

__all__ = [
    "Job",
    "JobError",
    "WorkerClient",
    "cancel_line",
    "job_line",
    "parse_event",
    "read_events",
    "shutdown_line",
]
