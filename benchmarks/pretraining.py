"""How long a pre-training step takes, and how much memory, with TOKI and with a learnable token.

    python benchmarks/pretraining.py [--batches 1 2 8] [--steps 8] [--json results.json]

A step is the training loop's, with clipping and AdamW, on (B, 1, 96, 96, 96) at a mask ratio of
0.75; bf16 on a CUDA device, fp32 on a CPU, where only the batch of 1 is run. On a device, the steps
timed are recorded ones, as all but the first two are. The two fills take turns, so that a machine
whose speed drifts does not favour one. Medians; memory is the most that tensors took at once, while
recording too.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path

import torch
from machine import finish, wait_for

from mambamim.memory import keep_large_buffers
from mambamim.models.hymamba import STRIDE
from mambamim.pretraining import MambaMIM, draw_visible
from mambamim.pretraining.masked_crops import ReconstructionLoss
from mambamim.training.learner import Learner
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team

SIZE = 96
FILLS = ("toki", "learnable")
WARM_UPS = 4  # more than are run before a step is recorded


class Stepper:
    """A network as the training loop has it, and a batch."""

    def __init__(self, backbone: str, fill: str, batch: int, team: Team) -> None:
        torch.manual_seed(0)
        mim = MambaMIM(backbone, SIZE, fill=fill)
        visible = draw_visible(batch, [SIZE // STRIDE] * 3, mim.mask_ratio, None)
        volume = torch.rand(batch, 1, SIZE, SIZE, SIZE)
        self._batches = itertools.repeat(
            {"image": volume.to(team.device), "visible": visible.to(team.device)}
        )
        settings = LoopSettings(batch=batch)
        self._learner = Learner(ReconstructionLoss(mim), ("image", "visible"), settings, team)
        self._learner.module.train()
        self._device = team.device

    def step(self) -> float:
        """Seconds of one step."""
        wait_for(self._device)
        start = time.perf_counter()
        self._learner.learn(self._batches, 0)
        wait_for(self._device)
        return time.perf_counter() - start


def measure(backbone: str, batch: int, steps: int, device: torch.device) -> list[dict]:
    """A row per fill."""
    steppers, memory = {}, {}
    for fill in FILLS:
        if device.type == "cuda":
            held = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
        steppers[fill] = Stepper(backbone, fill, batch, Team(0, 1, device))
        for _ in range(WARM_UPS):
            steppers[fill].step()
        if device.type == "cuda":
            memory[fill] = (torch.cuda.max_memory_allocated(device) - held) / 1e9
    times: dict[str, list[float]] = {fill: [] for fill in FILLS}
    for _ in range(steps):
        for fill, stepper in steppers.items():
            times[fill].append(stepper.step())
    medians = {fill: statistics.median(seconds) for fill, seconds in times.items()}
    return [
        {
            "backbone": backbone,
            "batch": batch,
            "fill": fill,
            "ms": 1000 * medians[fill],
            "over_learnable": medians[fill] / medians["learnable"] - 1,
            "memory_gb": memory.get(fill),
        }
        for fill in FILLS
    ]


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="hymamba", help="name of a network")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--steps", type=int, default=8, help="timed steps of each")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    keep_large_buffers()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = options.batches if device.type == "cuda" else [1]
    rows = []
    print(f"{'network':14} {'batch':>5} {'fill':10} {'ms':>8} {'over learnable':>14} {'GB':>6}")
    for batch in batches:
        for row in measure(options.backbone, batch, options.steps, device):
            rows.append(row)
            memory = "" if row["memory_gb"] is None else f"{row['memory_gb']:.1f}"
            print(
                f"{row['backbone']:14} {row['batch']:5d} {row['fill']:10} {row['ms']:8.0f} "
                f"{100 * row['over_learnable']:12.1f} % {memory:>6}"
            )
        if device.type == "cuda":
            torch.cuda.empty_cache()
    finish({"rows": rows}, options.json)


if __name__ == "__main__":
    main()
