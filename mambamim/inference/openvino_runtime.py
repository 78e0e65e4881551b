"""The network compiled by OpenVINO for this computer's processor: about twice torch's speed.

Tracing and compiling take seconds, so both are cached under the user's folder, keyed by the
weights. Before `auto` uses a compiled network for the first time, it is held against torch on one
window; the result is kept beside it.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mambamim.checkpoints import Checkpoint
from mambamim.errors import Cancelled, MissingDependencyError
from mambamim.files import atomic_path
from mambamim.inference.report import Cancel
from mambamim.inference.runtimes import Runtime

logger = logging.getLogger(__name__)
_POLL_MS = 50


@dataclass(frozen=True)
class Agreement:
    """How a compiled network compares with torch on one random window.

    Attributes:
        same_label: share of voxels with the same best class, or in the same regions.
        largest_difference: of any score, in standard deviations of torch's scores.
        torch_seconds: torch's time for the window.
        seconds: the compiled network's.
    """

    same_label: float
    largest_difference: float
    torch_seconds: float
    seconds: float

    @property
    def usable(self) -> bool:
        """Whether `auto` may take it: the same labels, and faster."""
        return self.same_label > 0.999 and self.seconds < self.torch_seconds


def is_installed() -> bool:
    """Whether OpenVINO can be imported."""
    return importlib.util.find_spec("openvino") is not None


class OpenVINORuntime:
    """A checkpoint's network compiled for one window shape.

    Args:
        checkpoint: the network.
        cache: folder for traced and compiled networks; made if absent.
        precision: "f32", or "bf16" (twice as fast on processors that have it, labels differ a bit).

    Raises:
        MissingDependencyError: OpenVINO is not installed.
    """

    def __init__(self, checkpoint: Checkpoint, cache: Path, precision: str = "f32") -> None:
        if not is_installed():
            raise MissingDependencyError(
                "OpenVINO is not installed.", "pip install openvino, or use runtime torch."
            )
        openvino = _openvino()
        self.name = "openvino" if precision == "f32" else f"openvino-{precision}"
        self.device = torch.device("cpu")
        self.patch_size = tuple(checkpoint.header.patch_size)
        self._channels = checkpoint.header.in_channels
        self._regions = bool(checkpoint.header.regions)
        version = openvino.__version__.split("-")[0]
        size = "x".join(map(str, self.patch_size))
        self._home = cache / f"{checkpoint.header.sha256[:16]}-{size}-openvino{version}"
        self._agreement = self._home / f"agreement-{precision}.json"
        if not (self._home / "network.xml").is_file():
            _trace(checkpoint, self._home)
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "CACHE_DIR": str(self._home),
        }
        core = openvino.Core()
        self._compiled = core.compile_model(str(self._home / "network.xml"), "CPU", settings)

    def __call__(self, windows: Tensor, cancel: Cancel) -> Tensor:
        """Scores of windows, one at a time: the network is compiled for one."""
        scores = [self._one(window, cancel) for window in windows.cpu().split(1)]
        return scores[0] if len(scores) == 1 else torch.cat(scores)

    def _one(self, window: Tensor, cancel: Cancel) -> Tensor:
        request = self._compiled.create_infer_request()
        request.start_async({0: window.contiguous().numpy()}, share_inputs=True)
        while not request.wait_for(_POLL_MS):
            if cancel():
                request.cancel()
                raise Cancelled()
        return torch.from_numpy(np.array(request.get_output_tensor().data))

    def batch_size(self, window: Tensor, cancel: Cancel) -> int:
        """One: it is compiled for one."""
        return 1

    def agreement(self, torch_runtime: Runtime) -> Agreement:
        """Compares with torch once and remembers; the window is noise, where differences show."""
        if self._agreement.is_file():
            return Agreement(**json.loads(self._agreement.read_text(encoding="utf-8")))
        generator = torch.Generator().manual_seed(0)
        window = torch.rand((1, self._channels, *self.patch_size), generator=generator)
        want, torch_seconds = _timed(torch_runtime, window)
        got, seconds = _timed(self, window)
        same = (
            ((want > 0) == (got > 0)).all(1) if self._regions else want.argmax(1) == got.argmax(1)
        )
        found = Agreement(
            same_label=float(same.float().mean()),
            largest_difference=float((want - got).abs().max() / want.std()),
            torch_seconds=torch_seconds,
            seconds=seconds,
        )
        with atomic_path(self._agreement) as temporary:
            temporary.write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
        return found


def _openvino() -> Any:
    """OpenVINO without its sender of usage data: nothing leaves the machine without being asked.

    Its converter sends to its makers wherever the package openvino-telemetry is installed, which
    pip does with it; without that package it works as well.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _timed(runtime: Runtime, window: Tensor) -> tuple[Tensor, float]:
    """Scores and the shorter time of two runs after one to warm up."""
    scores = runtime(window, lambda: False)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        runtime(window, lambda: False)
        seconds.append(time.perf_counter() - start)
    return scores, min(seconds)


def _trace(checkpoint: Checkpoint, home: Path) -> None:
    """Writes the network in OpenVINO's form into `home`, whole or not at all."""
    openvino = _openvino()
    shape = (1, checkpoint.header.in_channels, *checkpoint.header.patch_size)
    home.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=home.parent, prefix=".partial-"))
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            # The tracer warns of every shape it takes as fixed; fixed is what is wanted.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            # Traced here because OpenVINO's own tracing runs the network four times more.
            traced: Any = torch.jit.trace(checkpoint.model, torch.zeros(shape), check_trace=False)
            network = openvino.convert_model(
                traced, example_input=torch.zeros(shape), input=[list(shape)]
            )
        openvino.save_model(network, temporary / "network.xml", compress_to_fp16=False)
        _put_in_place(temporary, home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    logger.info("compiled the network for this processor")


def _put_in_place(made: Path, home: Path) -> None:
    """Give a folder its name, unless another process was faster: then its folder stays."""
    if home.exists() and not (home / "network.xml").is_file():
        shutil.rmtree(home, ignore_errors=True)  # of an interrupted first run
    try:
        made.replace(home)
    except OSError:
        if not (home / "network.xml").is_file():
            raise
