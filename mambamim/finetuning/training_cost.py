"""How long a fine-tuning will take, and how much memory: some steps are done on noise."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mambamim.data.class_sets import ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import Box
from mambamim.errors import Cancelled
from mambamim.finetuning.augmentation import AugmentedCrops, ByteLabels, augmented_inputs
from mambamim.finetuning.finetune_task import ZOOM
from mambamim.finetuning.network import network_to_tune
from mambamim.finetuning.project_plan import ProjectPlan, prepared_shape
from mambamim.inference.windows import count_windows
from mambamim.training.batches import read_batches
from mambamim.training.learner import Learner
from mambamim.training.recorded_step import WARM_UPS
from mambamim.training.segmentation_loss import SegmentationLoss
from mambamim.training.segmentation_task import OVERLAP
from mambamim.training.task import Voice
from mambamim.training.team import Team

_LEAST_STEPS, _MOST_STEPS, _ENOUGH = 2, 20, 8.0  # timed steps, and seconds of them


@dataclass(frozen=True)
class TrainingCost:
    """What a fine-tuning will take.

    Attributes:
        seconds: of all steps and validations.
        memory_bytes: of the device that it runs on; of a CPU what the network needs on top of the
            program.
        steps: in all.
        step_seconds: of one.
    """

    seconds: float
    memory_bytes: int
    steps: int
    step_seconds: float


def training_cost(plan: ProjectPlan, team: Team, voice: Voice) -> TrainingCost:
    """Time some steps of a plan with crops of noise, as large as the project's.

    Args:
        plan: with at least one class.
        team: of one process; its device is used.
        voice: whom to tell; asked whether to stop.

    Raises:
        BadInputError: the model to begin with cannot be used.
        OutOfMemoryError: the device has too little.
        Cancelled: the voice said so.
    """
    task, loop, device = _NoiseTask(plan), plan.loop, team.device
    learner = Learner(task.module, task.inputs, loop, team)
    batches = read_batches(task, loop, team, 0)
    learner.module.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with _counting_saved() as saved:  # and compiling, and filling caches
        learner.learn(batches, 0)
    first = 1
    if device.type == "cuda":
        first += min(WARM_UPS, loop.steps - 1)
        for step in range(1, first):  # until steps are recorded, as most will be
            learner.learn(batches, step)
        torch.cuda.synchronize(device)
    steps = min(_MOST_STEPS, loop.steps - first)
    began, done = time.perf_counter(), 0
    for step in range(first, first + max(steps, 1)):
        if voice.cancelled():
            raise Cancelled("The estimate was stopped.")
        if loop.steps == 1:
            break
        float(learner.learn(batches, step)[0])  # waits for the device
        done += 1
        passed = time.perf_counter() - began
        voice.progress(min(0.9, max(done / steps, passed / _ENOUGH)), "timing")
        if done >= _LEAST_STEPS and passed > _ENOUGH:
            break
    a_step = (time.perf_counter() - began) / max(done, 1)
    memory = sum(saved.values()) + _state_bytes(learner)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device)
    checking = _validation_seconds(plan, task, learner, device) if loop.validate_every else 0.0
    times = math.ceil(loop.steps / loop.validate_every) if loop.validate_every else 0
    voice.progress(1.0, "timed")
    return TrainingCost(loop.steps * a_step + times * checking, int(memory), loop.steps, a_step)


class _NoiseTask:
    """A fine-tuning task on one case of noise."""

    inputs: tuple[str, ...]

    def __init__(self, plan: ProjectPlan) -> None:
        settings = plan.settings
        shapes = [prepared_shape(case, settings.spacing_mm) for case in plan.project.cases]
        largest = max(shapes, key=math.prod, default=settings.image_size)
        sets = ClassSets(len(settings.classes) + 1)
        network = network_to_tune(
            settings.network, settings.start_from, settings.classes, settings.image_size
        )
        self.module: nn.Module = SegmentationLoss(network, sets)
        self.facts: dict[str, Any] = {}
        crops = CropDataset(
            [_Noise(largest, len(settings.classes))], settings.image_size, 0,
            settings.crops_per_scan, settings.foreground, (), ZOOM[settings.augmentation], True,
        )  # fmt: skip
        self.dataset: Dataset[dict[str, Any]] = ByteLabels(
            AugmentedCrops(crops, settings.augmentation, settings.classes, sets)
        )
        self.inputs = augmented_inputs(settings.augmentation)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Nothing is scored."""
        return {}

    def publish(self, module: nn.Module, run: Any, step: int, scores: dict[str, float]) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class _Noise:
    """A case that is made up where it is read."""

    shape: tuple[int, int, int]
    classes: int
    key: str = "noise"

    @property
    def labels(self) -> dict[int, int]:
        return dict.fromkeys(range(1, 1 + self.classes), 1)

    @property
    def foreground(self) -> np.ndarray:
        return np.array([self.shape], np.uint16) // 2

    def image(self, box: Box) -> np.ndarray:
        return np.random.default_rng(0).random(_sides(box), np.float32)

    def label(self, box: Box) -> np.ndarray:
        noise = np.random.default_rng(0).integers(0, 1 + self.classes, _sides(box))
        return noise.astype(np.uint8)

    def label_places(self, value: int) -> np.ndarray:
        return self.foreground


def _sides(box: Box) -> list[int]:
    return [part.stop - part.start for part in box]


def _validation_seconds(
    plan: ProjectPlan, task: _NoiseTask, learner: Learner, device: torch.device
) -> float:
    """Of one validation: the windows of its cases, from the time of one."""
    settings = plan.settings
    windows = sum(
        count_windows(prepared_shape(case, settings.spacing_mm), settings.image_size, OVERLAP)
        for case in plan.project.cases
        if case.split == "validation"
    )
    if not windows:
        return 0.0
    module = task.module
    assert isinstance(module, SegmentationLoss)
    module.eval()
    image = torch.zeros(1, 1, *settings.image_size, device=device)
    seconds = 0.0
    with torch.no_grad(), learner.precision():
        for _ in range(2):  # the first one fills caches
            began = time.perf_counter()
            float(module.network(image).flatten()[0])
            seconds = time.perf_counter() - began
    return windows * seconds


@contextmanager
def _counting_saved() -> Iterator[dict[int, int]]:
    """Place -> bytes of every buffer that a forward pass keeps for the backward one."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


def _state_bytes(learner: Learner) -> int:
    """Weights, gradients, the optimizer's two moments, and the average."""
    weights = sum(p.numel() * p.element_size() for p in learner.module.parameters())
    return weights * (4 + (learner.average is not None))
