"""What the tests of segmenting one volume share."""

import numpy as np
from segmenter_scene import labels, result, wait


class Heard:
    """What a run has told."""

    def __init__(self, run):
        self.shown, self.outcome, self.failure, self.ended, self.log = [], None, None, 0, []
        run.shown.connect(lambda node, coarse: self.shown.append((node, coarse)))
        run.succeeded.connect(lambda outcome: setattr(self, "outcome", outcome))
        run.failed.connect(lambda failure: setattr(self, "failure", failure))
        run.logged.connect(lambda level, text: self.log.append((level, text)))
        run.ended.connect(lambda: setattr(self, "ended", self.ended + 1))


def saved(folder, name, array):
    np.save(folder / name, array)
    return folder / name


def reachWorker(run, worker):
    wait(lambda: worker.jobs or not run.active)
    return worker.jobs[-1]


def full(run, heard, worker, folder, **boxes):
    job = reachWorker(run, worker)
    path = saved(folder, "labels.npy", labels(**(boxes or {"v1": slice(0, 4), "v2": slice(5, 8)})))
    worker.say(job, "result", result=result(path))
    wait(lambda: heard.ended)
