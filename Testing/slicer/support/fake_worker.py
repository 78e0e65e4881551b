"""A worker without a process: it keeps the jobs, and a test says what becomes of them."""

from mambamim.jobs.protocol import job_line
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob


class FakeWorker:
    """Takes jobs like a `WorkerProcess`.

    `jobs` holds them, `asked` what they were asked, `restarted` how often it was to begin anew.
    """

    def __init__(self):
        self.jobs, self.asked, self.restarted = [], [], 0

    def submit(self, job, parameters, run=""):
        made = WorkerJob(lambda id_: job_line(id_, job, parameters, run or None), self._cancel)
        self.jobs.append(made)
        self.asked.append((job, parameters))
        return made

    def restart(self):
        self.restarted += 1

    def stop(self):
        for job in self.jobs:
            job.fail(JobFailure("stopped", "Stopped."))

    @staticmethod
    def _cancel(job):
        job.fail(JobFailure("cancelled", "Cancelled."))

    @staticmethod
    def say(job, event, **content):
        if event == "error":
            job.fail(JobFailure(**content))
        else:
            job.hear({"event": event, "id": job.id, **content})
