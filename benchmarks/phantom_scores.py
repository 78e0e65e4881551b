"""How well a model finds the organs of phantoms: painted CT of an anatomy that abdomen-small knows.

    python benchmarks/phantom_scores.py [--model abdomen-small] [--phantoms 5] [--write FILE]

Prints Dice per organ, in the mean over the phantoms and at its lowest. `--write` puts the table
between the `scores` marks of docs/results.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import mambamim
from mambamim.catalogue import resolve_model
from mambamim.catalogue.terminology import term
from mambamim.commands.demo import DEFAULT_SEED
from mambamim.data.phantom import make_phantom
from mambamim.memory import keep_large_buffers
from mambamim.metrics import dice_per_label

_BEGIN, _END = "<!-- scores: begin -->", "<!-- scores: end -->"


def score(model: str, count: int) -> dict[str, list[float]]:
    """Dice of each organ in each of `count` phantoms; seeds begin with the demo's."""
    segmenter = mambamim.Segmenter(resolve_model(model), device="auto")
    found: dict[str, list[float]] = {name: [] for name in segmenter.labels.values()}
    for seed in range(DEFAULT_SEED, DEFAULT_SEED + count):
        phantom = make_phantom(seed)
        labels = segmenter.segment(phantom.ct, phantom.affine)
        for value, dice in dice_per_label(labels, phantom.labels).items():
            found[segmenter.labels[value]].append(dice)
    return {name: dice for name, dice in found.items() if dice}


def table(scores: dict[str, list[float]], count: int) -> str:
    """Two organs a row, in Markdown."""
    cells = [f"{term(n).title} | {np.mean(d):.2f} | {min(d):.2f}" for n, d in scores.items()]
    half = -(-len(cells) // 2)
    right = cells[half:] + ["| |"] * (2 * half - len(cells))
    rows = [f"| {a} | {b} |" for a, b in zip(cells[:half], right, strict=True)]
    mean = np.mean([np.mean(d) for d in scores.values()])
    return "\n".join(
        [
            "| organ | mean | lowest | organ | mean | lowest |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"Dice of `abdomen-small` on {count} synthetic CTs"
            f" (`python benchmarks/phantom_scores.py`); mean over organs {mean:.2f}.",
        ]
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="abdomen-small", help="name or checkpoint")
    parser.add_argument("--phantoms", type=int, default=5, help="how many")
    parser.add_argument("--write", type=Path, help="Markdown file with the scores marks")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    keep_large_buffers()
    scores = score(options.model, options.phantoms)
    text = table(scores, options.phantoms)
    print(text)
    if options.json:
        options.json.write_text(json.dumps(scores, indent=1), encoding="utf-8")
    if options.write:
        before, rest = options.write.read_text(encoding="utf-8").split(_BEGIN)
        after = rest.split(_END)[1]
        options.write.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
