"""AdamW with its two groups of parameters, and the learning rate over a run."""

from __future__ import annotations

import math

import torch
from torch import nn

from mambamim.training.settings import LoopSettings


def make_optimizer(module: nn.Module, settings: LoopSettings) -> torch.optim.AdamW:
    """AdamW; biases, norms and the scan's rates are not decayed, they keep their size."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    decayed = [p for name, p in named if p.dim() >= 2 and not name.endswith("A_log")]
    fixed = [p for name, p in named if p.dim() < 2 or name.endswith("A_log")]
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": fixed, "weight_decay": 0.0},
    ]
    fused = bool(named) and all(p.is_cuda for _, p in named)
    filled = [group for group in groups if group["params"]]
    return torch.optim.AdamW(filled, settings.learning_rate, fused=fused)


def rate_at(step: int, settings: LoopSettings) -> float:
    """Learning rate of a step (0, 1, ...): up a line over the warm-up, then down a cosine."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    length = max(1, settings.steps - settings.warmup)
    done = min(1.0, (step - settings.warmup) / length)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return settings.learning_rate * (settings.lowest + (1 - settings.lowest) * cosine)
