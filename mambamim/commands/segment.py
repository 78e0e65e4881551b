"""`mambamim segment`: scans in, label maps out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from mambamim.catalogue import resolve_model
from mambamim.commands.bar import progress_bar
from mambamim.commands.parser import command_parser
from mambamim.errors import BadInputError, Cancelled, plain_error
from mambamim.inference.batch import Case, plan_batch
from mambamim.inference.segment_task import DEFAULT_MODEL, SegmentTask, stem_of

if TYPE_CHECKING:
    from mambamim.inference.task import SegmenterLike

BESIDE = Path("<beside the output>")  # what --statistics and --picture mean without a path


@dataclass(frozen=True)
class Arguments:
    """What the command line says, typed; see `--help` for units."""

    inputs: list[Path]
    output: Path
    model: str
    device: str
    runtime: str
    quality: str
    roi: list[float] | None
    organs: str | None
    keep_largest: bool
    statistics: Path | None
    picture: Path | None
    overwrite: bool
    channels: bool


def make_parser() -> ArgumentParser:
    """The arguments with their units and defaults."""
    parser = command_parser(
        "segment",
        "Find organs in CT scans. A folder in gives a folder out with the same file "
        "names; what exists is skipped, so that a batch can be run again. For research, not for "
        "clinical use.",
    )
    add = parser.add_argument
    add(
        "inputs",
        nargs="+",
        type=Path,
        metavar="IN",
        help="a .nii.gz, .nii, .nrrd, .nhdr, .mha or .mhd file, a DICOM folder, a folder of such",
    )
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="label map to write (.nii.gz, .nii, .nrrd, .mha; .seg.nrrd with names and colours) or "
        "a folder for several scans",
    )
    add(
        "--channels",
        action="store_true",
        help="the inputs are the channels of one case, in the model's order (`mambamim models NAME`"
        " names them); of a folder, CASE_0000.nii.gz, CASE_0001.nii.gz, ... are; a NIfTI whose 4th "
        "axis is the channel needs no --channels",
    )
    add("--model", type=str, default=DEFAULT_MODEL, help="name (`mambamim models`) or checkpoint")
    add("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:1, ... or mps")
    add(
        "--runtime",
        type=Literal["auto", "torch", "openvino", "openvino-bf16"],
        default="auto",
        help="what runs the network; auto takes the fastest installed",
    )
    add(
        "--quality",
        type=Literal["full", "coarse"],
        default="full",
        help="full uses the model's voxel size; coarse is 3 mm and takes seconds",
    )
    _add_wishes(parser)
    return parser


def _add_wishes(parser: ArgumentParser) -> None:
    """What part of the scan, which organs, and what else to write."""
    add = parser.add_argument
    add(
        "--roi",
        nargs=6,
        type=float,
        metavar=("R1", "A1", "S1", "R2", "A2", "S2"),
        help="segment only this box: two opposite corners, mm to the right, anterior, superior",
    )
    add("--organs", type=str, metavar="NAME,NAME", help="only these classes, e.g. liver,spleen")
    add("--keep-largest", action="store_true", help="keep each organ's largest connected piece")
    add(
        "--statistics",
        nargs="?",
        const=BESIDE,
        type=Path,
        metavar="PATH",
        help="write volume (mL), mean and standard deviation (HU) per organ to a .csv file; "
        "without PATH beside the label map; with several scans PATH is a folder",
    )
    add(
        "--picture",
        nargs="?",
        const=BESIDE,
        type=Path,
        metavar="PATH",
        help="write an overview .png: slices with outlines, organ surfaces, volumes; PATH as for "
        "--statistics",
    )
    add("--overwrite", action="store_true", help="do scans again whose label map exists")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    return run(Arguments(**make_parser().parse_args(list(arguments)).as_dict()))


def run(arguments: Arguments) -> int:
    """Segment every scan; a bad one is reported and the next one begun.

    Returns:
        0, or 2 if a scan of several failed.

    Raises:
        MambaMIMError: the only scan failed, no scan could succeed, or it was cancelled.
    """
    cases = plan_batch(arguments.inputs, arguments.output, arguments.channels)
    several = len(cases) > 1
    source = Source(arguments.model, arguments.device, arguments.runtime)
    faults: list[str] = []
    skipped = 0
    for number, case in enumerate(cases, 1):
        name = f"[{number}/{len(cases)}] {case.input.name}" if several else case.input.name
        try:
            skipped += segment_one(make_task(arguments, case, several), source, name)
        except (KeyboardInterrupt, Cancelled) as error:
            kept = (
                f"; {number - 1} of {len(cases)} scans were gone through, the same command goes on"
            )
            raise Cancelled(f"Cancelled{kept if several else '; nothing was written'}.") from error
        except Exception as error:
            plain = plain_error(error)
            if not several or source.failed:
                raise
            faults.append(f"{case.input.name}: {plain}")
            sys.stderr.write(f"{name}: {plain}\n")
    if several:
        done = len(cases) - skipped - len(faults)
        print(f"{done} done, {skipped} skipped because they exist, {len(faults)} failed.")
        for fault in faults:
            print(f"  {fault}")
    return 2 if faults else 0


class Source:
    """Gives one segmenter for all scans, made when the first scan has been read."""

    def __init__(self, model: str, device: str, runtime: str) -> None:
        self._model, self._device, self._runtime = model, device, runtime
        self._made: SegmenterLike | None = None
        self.failed = False

    def __call__(self) -> SegmenterLike:
        """The segmenter; `failed` tells afterwards that it could not be made."""
        if self._made is None:
            self.failed = True
            path = resolve_model(self._model)
            from mambamim.inference import Segmenter

            self._made = Segmenter(path, self._device, self._runtime)
            self.failed = False
        return self._made


def make_task(arguments: Arguments, case: Case, several: bool) -> SegmentTask:
    """The task of one scan."""
    stem = stem_of(case.output)
    corners = None
    if arguments.roi is not None:
        r1, a1, s1, r2, a2, s2 = arguments.roi
        corners = ((r1, a1, s1), (r2, a2, s2))
    organs = [organ.strip() for organ in (arguments.organs or "").split(",") if organ.strip()]
    if arguments.organs is not None and not organs:
        raise BadInputError("--organs names no organ.", "For example --organs liver,spleen.")
    return SegmentTask(
        input=case.input,
        output=case.output,
        channels=case.channels,
        model=arguments.model,
        device=arguments.device,
        runtime=arguments.runtime,
        quality=arguments.quality,
        roi=corners,
        organs=tuple(organs) or None,
        keep_largest=arguments.keep_largest,
        statistics=_place(arguments.statistics, case.output, f"{stem}.csv", several),
        picture=_place(arguments.picture, case.output, f"{stem}.png", several),
        overwrite=arguments.overwrite,
    )


def segment_one(task: SegmentTask, source: Callable[[], SegmenterLike], name: str) -> bool:
    """Segment one scan with a bar on stderr; True if it was skipped."""
    from mambamim.inference.task import segment_file

    with progress_bar(name) as report:
        outcome = segment_file(task, source, report)
    if outcome.skipped:
        print(f"{name}: skipped, {task.output.name} exists (--overwrite does it again)")
    else:
        files = ", ".join(str(path) for path in reversed(outcome.files))
        print(f"{name}: {outcome.seconds:.1f} s -> {files}")
    return outcome.skipped


def _place(asked: Path | None, output: Path, name: str, several: bool) -> Path | None:
    if asked is None:
        return None
    if asked == BESIDE:
        return output.with_name(name)
    return asked / name if several or asked.is_dir() else asked
