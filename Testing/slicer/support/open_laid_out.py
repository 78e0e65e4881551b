"""Opens the modules of a laid out extension in the stand-in and tells what it found, as JSON.

A process of its own: `python open_laid_out.py FOLDER MODEL OUT`. FOLDER holds the modules, MODEL is
the name of a shipped model, OUT is the file to write.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def main(folder: Path, model: str, out: Path) -> None:
    # An editable installation would lend the source tree to whoever asks.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
    import slicer_stand_in

    app = slicer_stand_in.boot()
    began = time.perf_counter()
    for module in sorted(folder.glob("*.py")):
        slicer_stand_in.open_module(module)
    found = {"seconds": time.perf_counter() - began, "models": model_paths()}
    found["failure"] = segment(app, model, out.parent)
    found["modules"] = {
        name: str(module.__file__)
        for name, module in list(sys.modules.items())
        if getattr(module, "__file__", None)
    }
    found["uncaught"] = [repr(error) for error in slicer_stand_in.uncaught()]
    slicer_stand_in.shut_down()
    out.write_text(json.dumps(found), encoding="utf-8")


def model_paths() -> dict[str, str]:
    from mambamim.catalogue import list_models

    return {entry.name: str(entry.path) for entry in list_models() if not entry.problem}


def segment(app: object, model: str, folder: Path) -> str:
    """Give a small scan to a worker, as the modules do; return why it failed, or nothing."""
    from MambaMIMLib.PythonChoice import choosePython
    from MambaMIMLib.WorkerProcess import WorkerProcess

    np.save(folder / "scan.npy", np.full((32, 32, 32), -1000, np.int16))
    parameters = {
        "input": str(folder / "scan.npy"),
        "affine": np.diag([3.0, 3.0, 3.0, 1.0]).tolist(),
        "output": str(folder / "labels.npy"),
        "model": model,
        "runtime": "torch",
        "device": "cpu",
        "quality": "coarse",
    }
    worker, failures, ended = WorkerProcess(choosePython), [], []
    job = worker.submit("segment", parameters)
    job.failed.connect(failures.append)
    job.ended.connect(lambda: ended.append(True))
    deadline = time.monotonic() + 120
    while not ended and time.monotonic() < deadline:
        app.processEvents()
        time.sleep(0.01)
    worker.stop()
    return "" if ended and not failures else f"{failures or 'no answer'}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
