"""Resume states: all that a training needs to go on, one safetensors file, the last two kept."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mambamim.errors import BadInputError, CheckpointError
from mambamim.files import atomic_path

logger = logging.getLogger(__name__)
FOLDER = "state"
_KEPT = 2
_NAME = re.compile(r"step-(\d+)\.safetensors")
_KEY = "mambamim-state"


@dataclass(frozen=True)
class ResumeState:
    """Where a training stands.

    Attributes:
        step: steps done.
        tensors: of the network, its average and its optimizer, by name.
        facts: plain values, JSON-able.
    """

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any] = field(default_factory=dict)


def save_state(run: Path, state: ResumeState) -> Path:
    """Write a state into RUN/state, whole or not at all, and drop all but the last two.

    Raises:
        BadInputError: the place cannot be written to, or the disk is full; older states stay.
    """
    path = run / FOLDER / f"step-{state.step:08d}.safetensors"
    tensors = {k: t.detach().cpu().clone().contiguous() for k, t in state.tensors.items()}
    facts = json.dumps({"step": state.step, **state.facts})
    with atomic_path(path) as temporary:
        try:
            safetensors.torch.save_file(tensors, temporary, {_KEY: facts})
        except safetensors.SafetensorError as error:  # so it calls what the system told it
            raise BadInputError(
                f"{path.name} cannot be written.", "Free some space on the disk."
            ) from error
    for old in _states(run)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return path


def load_state(run: Path) -> ResumeState | None:
    """The latest whole state of a run, None where it has none.

    Raises:
        CheckpointError: there are states, and all are damaged.
    """
    paths = _states(run)
    for path in reversed(paths):
        try:
            return _read(path)
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s is damaged (%s).", path.name, type(error).__name__)
    if paths:
        raise CheckpointError(
            f"All resume states of {run.name} are damaged.",
            "Begin again in another folder, or from a published checkpoint.",
        )
    return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory as named tensors, "optimizer.<parameter>.<what>"."""
    memory = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{what}": torch.as_tensor(value)
        for number, values in memory.items()
        for what, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimizer the memory that `optimizer_tensors` took; its rates stay its own."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    memory: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        if head == "optimizer":
            number, _, what = rest.partition(".")
            parameter = parameters[int(number)]
            if tensor.shape == parameter.shape:
                # Fused optimizers walk through memory: it must lie as the parameter does.
                tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            memory.setdefault(int(number), {})[what] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})


def _read(path: Path) -> ResumeState:
    with safetensors.safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()[_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return ResumeState(int(facts.pop("step")), tensors, facts)


def _states(run: Path) -> list[Path]:
    folder = run / FOLDER
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found)
