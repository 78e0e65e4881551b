"""Does pre-training help? Hippocampi in MR, few labels, 40 patients that no training has seen.

    python benchmarks/hippocampus.py prepare --data FOLDER --out WORK       # images/ and labels/
    python benchmarks/hippocampus.py run --out WORK [--processes 8]
    python benchmarks/hippocampus.py table --results benchmarks/hippocampus.json

The split is in hippocampus_split.json: 40 cases for the test, 180 to pre-train on without labels,
of which 5, 10, 20 or 40 are fine-tuned on, others for each seed. hymamba_small learns from scratch,
or starts from MambaMIM with a learnable token, with TOKI (Eq. 8), or with TOKI in Alg. 3's form;
`--starts learnable_bare toki_bare` are the first two with a decoder that has no skips.
Every run of a kind has the same steps; nothing is chosen by looking at the test cases: the last
weights are scored, once. A run that is done is not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import platform
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
import torch
from scipy.stats import wilcoxon

from mambamim.data.class_sets import ClassSets
from mambamim.data.crops import CropDataset
from mambamim.data.prepared_case import PreparedCase
from mambamim.data.prepared_store import PreparedStore, prepare
from mambamim.data.scan_lists import find_scans
from mambamim.models import build_model
from mambamim.pretraining.mambamim import MambaMIM
from mambamim.pretraining.masked_crops import MaskedCrops, ReconstructionLoss
from mambamim.pretraining.transfer import start_from
from mambamim.training.loop import Outcome, TrainingLoop
from mambamim.training.segmentation_loss import SegmentationLoss
from mambamim.training.segmentation_task import JitteredCrops, score_case
from mambamim.training.settings import LoopSettings
from mambamim.training.task import Silence
from mambamim.training.team import Team

HERE = Path(__file__).parent
SPLIT = HERE / "hippocampus_split.json"
SIZE = (48, 64, 48)  # covers the largest crop of the data set
NETWORK, CLASSES = "hymamba_small", 3
STARTS = {
    "scratch": None,
    "learnable": {"fill": "learnable"},
    "toki": {"fill": "toki"},
    "algorithm3": {"fill": "toki", "form": "algorithm3"},
    # The decoder sees the filled tokens alone, so the way of filling has to count.
    "learnable_bare": {"fill": "learnable", "skips": False},
    "toki_bare": {"fill": "toki", "skips": False},
}
USUAL = ("scratch", "learnable", "toki", "algorithm3")
PAIRS = (
    ("toki", "scratch"),
    ("learnable", "scratch"),
    ("toki", "learnable"),
    ("toki", "algorithm3"),
    ("toki_bare", "learnable_bare"),
    ("toki_bare", "scratch"),
)
LABELLED, SEEDS = (5, 10, 20, 40), (0, 1, 2)
PRETRAINING = LoopSettings(
    steps=1000, batch=8, learning_rate=5e-4, warmup=50, weight_decay=0.05, workers=0,
    save_every=100_000, log_every=50,
)  # fmt: skip
FINE_TUNING = LoopSettings(
    steps=400, batch=4, learning_rate=5e-4, warmup=20, weight_decay=0.01, workers=0,
    save_every=100_000, log_every=50,
)  # fmt: skip


class InMemory:
    """A prepared case whose voxels are kept: these crops are small and are read all the time."""

    def __init__(self, case: PreparedCase) -> None:
        whole = tuple(slice(0, side) for side in case.shape)
        self.shape, self.labels, self.key = case.shape, case.labels, case.key
        self._image, self._label = case.image(whole), case.label(whole)
        self.foreground = case.foreground
        self._places = {value: case.label_places(value) for value in case.labels or ()}

    def image(self, box: tuple[slice, ...]) -> np.ndarray:
        """As `PreparedCase.image`."""
        return self._image[box]

    def label(self, box: tuple[slice, ...]) -> np.ndarray:
        """As `PreparedCase.label`."""
        return self._label[box]

    def label_places(self, value: int) -> np.ndarray:
        """As `PreparedCase.label_places`."""
        return self._places[value]


class Task:
    """What the training loop needs; nothing is published, runs are scored at their end."""

    def __init__(self, module: torch.nn.Module, dataset: object, inputs: tuple[str, ...]) -> None:
        self.module, self.dataset, self.inputs = module, dataset, inputs
        self.facts: dict[str, object] = {}

    def validate(self, module: torch.nn.Module) -> dict[str, float]:
        """Nothing is validated on the way."""
        return {}

    def publish(self, *what: object) -> None:
        """Nothing is published on the way."""


def draw_split(names: list[str], seed: int = 2026) -> dict:
    """40 test cases; of the others, for each seed, the order in which labels are handed out."""
    rng = np.random.default_rng(seed)
    mixed = [names[i] for i in rng.permutation(len(names))]
    test, rest = sorted(mixed[:40]), sorted(mixed[40:])
    orders = {str(s): [rest[i] for i in rng.permutation(len(rest))][:40] for s in SEEDS}
    return {"seed": seed, "test": test, "pretraining": rest, "labelled": orders}


def prepare_cases(data: Path, out: Path) -> None:
    """The store, names of its cases beside it, and the split where there is none yet."""
    scans = find_scans([data], "MR")
    store = prepare(scans, out / "store", (1.0, 1.0, 1.0))
    names = {
        case.key: scan.image.name.split(".")[0]
        for case, scan in zip(store.cases, scans, strict=True)
    }
    (out / "names.json").write_text(json.dumps(names))
    if not SPLIT.is_file():
        SPLIT.write_text(json.dumps(draw_split(sorted(names.values())), indent=1) + "\n")


def load_cases(out: Path, wanted: list[str]) -> list[InMemory]:
    """Cases by their names, in that order."""
    names = json.loads((out / "names.json").read_text())
    by_name = {names[case.key]: case for case in PreparedStore.open(out / "store").cases}
    return [InMemory(by_name[name]) for name in wanted]


def pretrain(out: Path, start: str, seed: int) -> None:
    """Pre-train on the images of the training cases, and keep the network."""
    split = json.loads(SPLIT.read_text())
    torch.manual_seed(seed)
    mim = MambaMIM(NETWORK, image_size=48, **STARTS[start])
    crops = CropDataset(
        load_cases(out, split["pretraining"]),
        SIZE,
        seed,
        crops_per_scan=1,
        flips=(0, 1, 2),
        zoom=0.15,
    )
    task = Task(ReconstructionLoss(mim), MaskedCrops(crops, 0.75), ("image", "visible"))
    run = out / "runs" / f"pretrain-{start}-{seed}"
    outcome = _train(task, PRETRAINING, seed, run)
    torch.save(mim.state_dict(), run / "mim.pt")
    _write(
        run,
        {
            "kind": "pretrain",
            "start": start,
            "seed": seed,
            "loss": outcome.loss,
            "seconds": outcome.seconds,
        },
    )


def fine_tune(out: Path, start: str, labelled: int, seed: int) -> None:
    """Fine-tune on a few labelled cases, and score the test cases."""
    split = json.loads(SPLIT.read_text())
    torch.manual_seed(1000 + seed)
    network = build_model(NETWORK, num_classes=CLASSES)
    if STARTS[start] is not None:
        mim = MambaMIM(NETWORK, image_size=48, **STARTS[start])
        saved = out / "runs" / f"pretrain-{start}-{seed}" / "mim.pt"
        mim.load_state_dict(torch.load(saved, map_location="cpu", weights_only=True))
        start_from(network, mim)
    cases = load_cases(out, split["labelled"][str(seed)][:labelled])
    crops = CropDataset(cases, SIZE, seed, 1, flips=(), zoom=0.15, labelled=True)
    task = Task(
        SegmentationLoss(network, ClassSets(CLASSES)), JitteredCrops(crops), ("image", "label")
    )
    run = out / "runs" / f"{start}-{labelled}-{seed}"
    outcome = _train(task, FINE_TUNING, seed, run)
    network.eval()
    scores = {}
    for name, case in zip(split["test"], load_cases(out, split["test"]), strict=True):
        scores[name] = {str(value): dice for value, dice in score_case(network, case, SIZE).items()}
    facts = {"kind": "fine-tune", "start": start, "labelled": labelled, "seed": seed}
    _write(run, {**facts, "loss": outcome.loss, "seconds": outcome.seconds, "dice": scores})


def _train(task: Task, settings: LoopSettings, seed: int, run: Path) -> Outcome:
    run.mkdir(parents=True, exist_ok=True)
    mine = dataclasses.replace(settings, seed=seed)
    return TrainingLoop(task, mine, run, Team.join(), Silence()).run()


def _write(run: Path, result: dict) -> None:
    (run / "result.json").write_text(json.dumps(result))


def do(out: Path, name: str) -> str:
    """One run by its name, unless it is done; its name."""
    if not (out / "runs" / name / "result.json").is_file():
        torch.set_num_threads(1)
        *kind, last = name.split("-")
        if kind[0] == "pretrain":
            pretrain(out, kind[1], int(last))
        else:
            fine_tune(out, kind[0], int(kind[1]), int(last))
    return name


def run_all(
    out: Path, processes: int, minutes: float, results: Path, starts: Sequence[str]
) -> None:
    """All runs of some starts, each when what it starts from is there.

    Nothing new is begun after `minutes`.
    """
    begun = time.monotonic()
    waiting = [f"pretrain-{start}-{seed}" for seed in SEEDS for start in starts if STARTS[start]]
    if "scratch" in starts:
        waiting += [f"scratch-{labelled}-{seed}" for seed in SEEDS for labelled in LABELLED]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running: set[Future[str]] = set()
        while waiting or running:
            late = time.monotonic() - begun > 60 * minutes
            while waiting and len(running) < processes and not late:
                running.add(pool.submit(do, out, waiting.pop(0)))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for name in (future.result() for future in done):
                print(f"{time.monotonic() - begun:6.0f} s  {name}", flush=True)
                if name.startswith("pretrain-"):
                    _, start, seed = name.split("-")
                    waiting += [f"{start}-{labelled}-{seed}" for labelled in LABELLED]
                    waiting.sort(key=lambda name: name.rsplit("-", 1)[1])  # whole seeds first
            collect(out, results)


def collect(out: Path, results: Path) -> None:
    """The results of all runs so far in one file."""
    found = [json.loads(path.read_text()) for path in sorted((out / "runs").glob("*/result.json"))]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    settings = {
        "pretraining": dataclasses.asdict(PRETRAINING),
        "fine_tuning": dataclasses.asdict(FINE_TUNING),
    }
    content = {"device": device, "torch": torch.__version__, "settings": settings, "runs": found}
    results.write_text(json.dumps(content, indent=0) + "\n")


def table(results: Path) -> str:
    """Markdown: means and spreads, then paired tests."""
    runs = [run for run in json.loads(results.read_text())["runs"] if run["kind"] == "fine-tune"]
    lines = [
        "| start | labelled | runs | mean Dice | sd of runs | anterior | posterior |",
        "|---|---|---|---|---|---|---|",
    ]
    by_case: dict[tuple[str, int], np.ndarray] = {}
    for labelled in LABELLED:
        for start in STARTS:
            mine = [r for r in runs if (r["start"], r["labelled"]) == (start, labelled)]
            if not mine:
                continue
            dice = np.array([[[case["1"], case["2"]] for case in r["dice"].values()] for r in mine])
            by_case[start, labelled] = dice.mean((0, 2))
            means = dice.mean((1, 2))
            spread = f"{means.std(ddof=1):.4f}" if len(mine) > 1 else "-"
            one, two = dice.mean((0, 1))
            lines.append(
                f"| {start} | {labelled} | {len(mine)} | {means.mean():.4f} | {spread} "
                f"| {one:.4f} | {two:.4f} |"
            )
    lines += [
        "",
        "| pair | labelled | difference | cases better | p (Wilcoxon) |",
        "|---|---|---|---|---|",
    ]
    for one, two in PAIRS:
        for labelled in LABELLED:
            if (one, labelled) in by_case and (two, labelled) in by_case:
                gap = by_case[one, labelled] - by_case[two, labelled]
                p = wilcoxon(gap).pvalue
                lines.append(
                    f"| {one} against {two} | {labelled} | {gap.mean():+.4f} "
                    f"| {int((gap > 0).sum())} of {len(gap)} | {p:.2g} |"
                )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("prepare", help="read the data set once")
    one.add_argument("--data", type=Path, required=True, help="folder with images/ and labels/")
    two = verbs.add_parser("run", help="pre-train, fine-tune and score")
    two.add_argument("--processes", type=int, default=1, help="runs side by side on one device")
    two.add_argument("--minutes", type=float, default=1e9, help="begin nothing new after these")
    two.add_argument("--starts", nargs="+", choices=list(STARTS), default=list(USUAL))
    three = verbs.add_parser("table", help="print what came out as Markdown")
    for verb in (one, two):
        verb.add_argument("--out", type=Path, required=True, help="working folder")
    for verb in (two, three):
        verb.add_argument("--results", type=Path, default=HERE / "hippocampus.json")
    asked = parser.parse_args()
    if asked.verb == "prepare":
        prepare_cases(asked.data, asked.out)
    elif asked.verb == "run":
        run_all(asked.out, asked.processes, asked.minutes, asked.results, asked.starts)
    else:
        print(table(asked.results))


if __name__ == "__main__":
    main()
