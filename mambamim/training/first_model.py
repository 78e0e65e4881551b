"""The small loop that made the first `abdomen-small`, from phantoms and a few real cases.

    python -m mambamim.training.first_model --out RUN --minutes 8 --case ct.nii.gz label.nii.gz

Everything is on one device: tissue maps are drawn once, a pool of scans painted from them is
renewed scan by scan, patches are cut, turned and degraded. The state is written every minute, and a
run whose folder holds one goes on from it.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.checkpoints import load_checkpoint, save_checkpoint
from mambamim.files import atomic_path
from mambamim.models import build_model
from mambamim.training.case_pool import CasePool, draw_anatomy, load_case
from mambamim.training.patches import Case, PatchSampler

logger = logging.getLogger(__name__)
WINDOW_HU = (-175.0, 250.0)
PHANTOM_DATA = {"name": "procedural phantoms", "licence": "Apache-2.0"}
CASE_DATA = {
    "name": "TotalSegmentator example CT, pseudo-labels of its authors",
    "licence": "Apache-2.0",
}
COARSE_SHARE = 0.3  # of the batches: patches at 3 mm, so that the coarse preview works too


@dataclass(frozen=True)
class Recipe:
    """What the run does.

    Attributes:
        minutes: wall time for the steps of this call.
        total_minutes: the length that the learning rate's cosine is laid over, over all calls.
        anatomies: tissue maps to draw.
        pool: painted scans kept.
        batch: patches a step.
        patch: voxels along a side.
        learning_rate: at its highest.
        real_share: of patches that come from real cases.
        seed: of everything.
    """

    minutes: float = 8.0
    total_minutes: float = 8.0
    anatomies: int = 96
    pool: int = 48
    batch: int = 8
    patch: int = 96
    learning_rate: float = 1e-3
    real_share: float = 0.25
    seed: int = 0


class FirstModel:
    """The network with all that a resumed run needs."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        self.model = build_model("hymamba_small", num_classes=len(ABDOMEN_LABELS) + 1).to(device)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.998))
        # Biases, norms and the scan's rates keep their size.
        named = list(self.model.named_parameters())
        fixed = [p for n, p in named if p.dim() < 2 or n.endswith("A_log")]
        decayed = [p for n, p in named if p.dim() >= 2 and not n.endswith("A_log")]
        groups: list[dict[str, object]] = [
            {"params": decayed},
            {"params": fixed, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, recipe.learning_rate, weight_decay=2e-2)
        self.loss = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
        self.step = 0
        self.seconds = 0.0
        self.data = [PHANTOM_DATA]

    def learns_from(self, data: list[dict[str, str]]) -> None:
        """Notes what the network has seen: names and licences for the checkpoint's header."""
        self.data += [entry for entry in data if entry not in self.data]

    def start_from(self, path: Path) -> None:
        """Takes the weights of a checkpoint, for a further run with its own schedule."""
        checkpoint = load_checkpoint(path)
        weights = checkpoint.model.state_dict()
        self.model.load_state_dict(weights)
        self.average.module.load_state_dict(weights)
        self.learns_from(checkpoint.header.training.get("data", []))

    def rate(self) -> float:
        """Learning rate: up over 100 steps, then down a cosine to 2 % at `total_minutes`."""
        done = min(1.0, self.seconds / (60 * self.recipe.total_minutes))
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
        return self.recipe.learning_rate * min(1.0, (self.step + 1) / 100) * cosine

    def train_step(self, hu: Tensor, labels: Tensor) -> Tensor:
        """One step on (B, D, H, W) HU and labels; returns the loss without waiting for it."""
        low, high = WINDOW_HU
        image = ((hu - low) / (high - low)).clamp(0, 1)[:, None]
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        half = torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda")
        with half:
            scores = self.model(image.contiguous(memory_format=torch.channels_last_3d))
        loss = self.loss(scores.float(), labels[:, None])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return loss.detach()

    def save(self, folder: Path) -> None:
        """Resume state (tensors and plain values) and the averaged network as a checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "data": self.data,
        }
        with atomic_path(folder / "state.pt") as temporary:
            torch.save(state, temporary)
        save_checkpoint(
            folder / "abdomen-small.safetensors",
            self.average.module,
            labels=ABDOMEN_LABELS,
            weights_dtype="float16",
            name="abdomen-small",
            title="Abdominal organs in CT, small and fast",
            licence="Apache-2.0",
            training={"data": self.data, "steps": self.step, "scores": {}},
        )

    def resume(self, folder: Path) -> None:
        """Goes on from `folder` where it holds a state."""
        path = folder / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.learns_from(state["data"])
        logger.info("resumed at step %d", self.step)


def run(first: FirstModel, cases: list[Case], out: Path, workers: int) -> None:
    """Draws anatomies, trains for the recipe's minutes, saves."""
    recipe, device = first.recipe, first.device
    first.resume(out)
    if cases:
        first.learns_from([CASE_DATA])
    start = time.perf_counter()
    seeds = range(1000 * (recipe.seed + 1), 1000 * (recipe.seed + 1) + recipe.anatomies)
    with ProcessPoolExecutor(workers) as executor:
        anatomies = list(executor.map(draw_anatomy, seeds))
    logger.info("%d anatomies in %.0f s", len(anatomies), time.perf_counter() - start)
    generator = torch.Generator(device).manual_seed(recipe.seed + first.step)
    sampler = PatchSampler(recipe.patch, generator)
    pool = CasePool(anatomies, cases, recipe.pool, recipe.real_share, generator)
    begun, before, saved = time.perf_counter(), first.seconds, time.perf_counter()
    losses: list[Tensor] = []
    while first.seconds - before < 60 * recipe.minutes:
        mm = 3.0 if sampler.uniform(0, 1) < COARSE_SHARE else 1.5
        patches = [sampler.draw(pool.pick(), mm) for _ in range(recipe.batch)]
        hu, labels = (torch.stack(part) for part in zip(*patches, strict=True))
        losses.append(first.train_step(hu, labels))
        if first.step % 3 == 0:  # painting a scan costs as much as half a step
            pool.renew()
        first.seconds = before + time.perf_counter() - begun
        if first.step % 100 == 0:
            mean = float(torch.stack(losses).mean())
            losses.clear()
            logger.info("step %d, %.0f s, loss %.3f", first.step, first.seconds, mean)
        if time.perf_counter() - saved > 60:
            first.save(out)
            saved = time.perf_counter()
    first.save(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training in this call")
    parser.add_argument(
        "--total-minutes", type=float, help="the schedule's length, default --minutes"
    )
    about = "TotalSegmentator's example, or a case with its label values: CT LABEL"
    parser.add_argument("--case", nargs=2, type=Path, action="append", default=[], help=about)
    parser.add_argument("--start", type=Path, help="checkpoint whose weights to begin with")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=8, help="processes that draw anatomies")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = Recipe(
        minutes=options.minutes,
        total_minutes=options.total_minutes or options.minutes,
        learning_rate=options.rate,
        seed=options.seed,
    )
    (options.out / "recipe.json").write_text(json.dumps(recipe.__dict__, indent=1))
    torch.backends.cudnn.benchmark = True
    cases = [load_case(ct, label, device) for ct, label in options.case]
    first = FirstModel(recipe, device)
    if options.start:
        first.start_from(options.start)
    run(first, cases, options.out, options.workers)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
