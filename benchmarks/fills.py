"""How much of a reconstruction hangs on the tokens that fill the masked places of the Mamba stage?

    python benchmarks/fills.py --scan CT.nii.gz [--model ct-mim-small] [--crops 32]

A trained MambaMIM reconstructs the same masked crops with its own filled tokens, and with others
put in their place: those of the nearest visible place in space, the mean of the visible ones,
zeros, and its own in a random order. If the loss hardly moves, the decoder takes what it needs from
the skips, and no way of filling can make much of a difference. Also prints how long the gaps in the
sequence are, and the filter that was learnt.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mambamim.catalogue import resolve_model
from mambamim.checkpoints import load_checkpoint
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_store import prepare
from mambamim.data.scan_lists import find_scans
from mambamim.memory import keep_large_buffers
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masked_crops import MaskedCrops
from mambamim.pretraining.runs import find_runs
from mambamim.pretraining.toki import TOKI

Fill = Callable[[Tensor, Tensor, Tensor, tuple[int, ...]], Tensor]


def nearest(filled: Tensor, tokens: Tensor, seen: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Of the visible place that is nearest in space (raster order is taken for granted)."""
    axes = [torch.arange(side, dtype=torch.float32) for side in grid]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    distance = torch.cdist(places, places[seen[0]])
    return tokens[:, distance.argmin(1)]


FILLS: dict[str, Fill] = {
    "as trained": lambda filled, tokens, seen, grid: filled,
    "nearest visible token": nearest,
    "mean of the visible tokens": lambda filled, tokens, seen, grid: tokens.mean(
        1, keepdim=True
    ).expand_as(filled),
    "zeros": lambda filled, tokens, seen, grid: torch.zeros_like(filled),
    "as trained, in random order": lambda filled, tokens, seen, grid: filled[
        :, torch.randperm(filled.shape[1], generator=torch.Generator().manual_seed(0))
    ],
}


@torch.no_grad()
def losses(mim: MambaMIM, image: Tensor, visible: Tensor) -> dict[str, float]:
    """Loss of one crop (1, 1, D, H, W) with each fill."""
    encoded = mim.encoder(image, visible)
    own = mim.fill(encoded.tokens, encoded.visible)
    patches = mim.patches(image)
    found = {}
    for name, fill in FILLS.items():
        other = fill(own, encoded.tokens, encoded.visible, encoded.grid)
        tokens = torch.where(encoded.visible[..., None], own, other)
        deepest = mim.encoder.to_grid(tokens, encoded.grid)
        prediction = mim.decoder(deepest, encoded.skips, visible)
        found[name] = float(patches.error(prediction, visible))
    return found


def main() -> None:
    """Runs and prints all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=Path, required=True, help="one the model has not seen")
    parser.add_argument("--model", default="ct-mim-small", help="name or checkpoint")
    parser.add_argument("--crops", type=int, default=32)
    asked = parser.parse_args()
    keep_large_buffers()
    checkpoint = load_checkpoint(resolve_model(asked.model))
    mim = checkpoint.model
    assert isinstance(mim, MambaMIM)
    rows: list[dict[str, float]] = []
    gaps: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        store = prepare(find_scans([asked.scan]), folder, checkpoint.header.spacing_mm)
        crops = MaskedCrops(CropDataset(store, mim.image_size, 1, flips=()), mim.mask_ratio)
        for number in range(asked.crops):
            crop = crops[number]
            visible = crop["visible"][None]
            rows.append(losses(mim, crop["image"][None], visible))
            flat = visible.flatten(1)
            runs = find_runs(torch.zeros(1, int(flat.sum()), 1), flat)
            gaps += (runs.length[runs.place == 1] - 1).tolist()
    base = torch.tensor([row["as trained"] for row in rows])
    print(f"{'tokens at masked places':28} {'loss':>7} {'change':>8}   crops worse")
    for name in FILLS:
        mine = torch.tensor([row[name] for row in rows])
        worse = int((mine > base).sum())
        change = 100 * float(mine.mean() / base.mean() - 1)
        print(f"{name:28} {float(mine.mean()):7.4f} {change:+7.1f} %   {worse} of {len(rows)}")
    print(f"gaps in the sequence: mean {sum(gaps) / len(gaps):.1f}, longest {max(gaps)} tokens")
    if isinstance(mim.fill, TOKI):
        A, B = (part.detach() for part in mim.fill.discretize())
        total = B / (1 - A)
        print(
            f"filter: A {float(A.min()):.2f} to {float(A.max()):.2f}, median "
            f"{float(A.median()):.2f}; a constant comes out as {float(total.median()):.2f} times it"
        )


if __name__ == "__main__":
    main()
