"""How well the model that a fine-tuning begins with does on the cases that are kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from mambamim.checkpoint_header import CheckpointHeader
from mambamim.checkpoints import load_checkpoint
from mambamim.errors import Cancelled
from mambamim.files import atomic_path
from mambamim.finetuning.finetune_task import FinetuneTask
from mambamim.inference.runtimes import settle
from mambamim.metrics import dice_per_label
from mambamim.training.patience import WATCHED
from mambamim.training.segmentation_task import segment_case
from mambamim.training.task import Voice

_FILE = "base_scores.json"


def base_scores(
    task: FinetuneTask,
    base: CheckpointHeader | None,
    run: Path,
    device: torch.device,
    voice: Voice,
) -> dict[str, float]:
    """Dice of the classes that the base model knows, by the names that `FinetuneTask` gives.

    They are found out once for a run and kept in its folder.

    Args:
        task: with the cases.
        base: header of the model, None for fresh weights.
        run: the run folder.
        device: to compute on.
        voice: whom to tell; asked whether to stop.

    Returns:
        Mean Dice and that of each class; {} where the base segments nothing that is learnt.

    Raises:
        Cancelled: the voice said so.
    """
    classes = task.settings.classes
    if base is None or base.kind != "segmentation" or base.regions or base.in_channels != 1:
        return {}
    values = {v: 1 + classes.index(name) for v, name in base.labels.items() if name in classes}
    if not values or not task.validation_cases:
        return {}
    try:
        known: dict[str, float] = json.loads((run / _FILE).read_text(encoding="utf-8"))
        return known
    except (OSError, ValueError):
        voice.progress(0.0, "scoring the model to begin with")
    network = settle(load_checkpoint(task.settings.start_from).model, device)
    table = np.zeros(256, np.uint8)
    table[list(values)] = list(values.values())
    by_class: dict[int, list[float]] = {}
    for case in task.validation_cases:
        if voice.cancelled():
            raise Cancelled("Paused before the first step.", "Start it again.")
        found = table[segment_case(network, case, task.settings.image_size)]
        whole = (slice(0, case.shape[0]), slice(0, case.shape[1]), slice(0, case.shape[2]))
        truth = case.label(whole)
        clear = truth < case.classes
        dices = dice_per_label(np.where(clear, found, 0), np.where(clear, truth, 0))
        for value in set(values.values()) & set(dices):
            by_class.setdefault(value, []).append(dices[value])
    means = {value: sum(dices) / len(dices) for value, dices in sorted(by_class.items())}
    scores = {f"{WATCHED}.{classes[value - 1]}": mean for value, mean in means.items()}
    if means:
        scores = {WATCHED: sum(means.values()) / len(means), **scores}
    with atomic_path(run / _FILE) as temporary:
        temporary.write_text(json.dumps(scores), encoding="utf-8")
    return scores
