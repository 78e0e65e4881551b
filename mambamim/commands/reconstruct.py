"""`mambamim reconstruct`: what a pre-trained network makes of a masked scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from mambamim.catalogue import resolve_model
from mambamim.commands.bar import progress_bar
from mambamim.commands.parser import command_parser
from mambamim.inference.reconstruct_task import DEFAULT_MODEL, ReconstructTask, percent

if TYPE_CHECKING:
    from mambamim.inference.reconstruct import ReconstructorLike


def make_parser() -> ArgumentParser:
    """The arguments with their units and defaults."""
    parser = command_parser(
        "reconstruct",
        "Mask a share of a scan's patches and let a pre-trained network fill them: volumes, "
        "pictures and scores. For research, not for clinical use.",
    )
    add = parser.add_argument
    add(
        "input",
        type=Path,
        metavar="IN",
        help="a .nii.gz, .nii, .nrrd, .nhdr, .mha or .mhd file, or a DICOM folder",
    )
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write into: per ratio masked, reconstruction, error and visible volumes "
        "(HU, on the scan's grid) and a picture; and scores.json",
    )
    add("--model", type=str, default=DEFAULT_MODEL, help="name (`mambamim models`) or checkpoint")
    add(
        "--ratio",
        nargs="+",
        type=float,
        default=[0.75],
        metavar="SHARE",
        help="share of the patches to mask, between 0 and 1; several in one go",
    )
    add("--seed", type=int, default=0, help="of the mask; masks of one seed are nested")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")
    add("--no-picture", action="store_true", help="write no pictures")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    asked = make_parser().parse_args(list(arguments))
    task = ReconstructTask(
        input=asked.input,
        output=asked.output,
        model=asked.model,
        device=asked.device,
        ratios=tuple(asked.ratio),
        seed=asked.seed,
        picture=not asked.no_picture,
    )
    from mambamim.inference.reconstruct import reconstruct_file

    with progress_bar(task.input.name) as report:
        outcome = reconstruct_file(task, lambda: _load(task), report)
    for score in outcome.scores:
        words = f"PSNR {score.psnr:.2f} dB, MSE {score.mse:.3g} (intensities in 0..1)"
        print(f"{percent(score.ratio)} % masked: {words}")
    print(
        f"{task.input.name}: {outcome.seconds:.1f} s -> {len(outcome.files)} files in {task.output}"
    )
    return 0


def _load(task: ReconstructTask) -> ReconstructorLike:
    path = resolve_model(task.model)
    from mambamim.pretraining.reconstruction import Reconstructor

    return Reconstructor(path, task.device)
