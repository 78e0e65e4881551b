"""The job "rank": which scans of a folder a model is least sure of, so that they be labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.errors import BadInputError
from mambamim.inference.parameters import a_path, a_text, read_parameters
from mambamim.jobs.context import JobContext
from mambamim.jobs.device_turn import device_turn
from mambamim.jobs.warm import keep_warm

if TYPE_CHECKING:
    from mambamim.inference import Segmenter

_READERS = {"folder": a_path, "model": a_text, "device": a_text}
_KEPT_WARM = 1  # segmenters; each holds its network's memory


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Look through the scans of a folder coarsely.

    Args:
        parameters: `folder` and `model` (a segmentation's name or path); optional `device`.
        context: of the job.

    Returns:
        `rows`, the least certain scan first: `file` (path) and `entropy`, the mean over what was
        found, 0 to 1, which is 1 where nothing was found; `skipped`, a sentence for each scan that
        cannot be used.

    Raises:
        BadInputError: no scan there, or none can be used; the model is none.
        Cancelled: the client said so.
    """
    asked = read_parameters(parameters, _READERS, ("folder", "model"))
    context.progress(0.0, "loading the model")
    from mambamim.data.scan_files import scans_at
    from mambamim.inference import Segmenter

    if not asked["folder"].is_dir():
        raise BadInputError(f"There is no folder {asked['folder'].name}.", "Check the path.")
    scans = scans_at(asked["folder"])

    with device_turn(asked.get("device", "auto"), "ranking scans", context, yields=True) as device:

        def load(path: Path) -> Segmenter:
            return Segmenter(path, device)

        segmenter: Segmenter = keep_warm(
            context.warm, "ranker", asked["model"], (device,), _KEPT_WARM, load
        )
        rows, skipped = _look_through(scans, segmenter, context)
    if not rows:
        raise BadInputError(f"None of the scans can be used; the first one, {skipped[0]}")
    return {"rows": sorted(rows, key=lambda row: -row["entropy"]), "skipped": skipped}


def _look_through(
    scans: Sequence[Path], segmenter: Segmenter, context: JobContext
) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each scan, in the order given, and a sentence for each that cannot be used."""
    from mambamim.data.volume import read_volume

    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for number, scan in enumerate(scans):
        message = f"scan {number + 1} of {len(scans)}"

        def report(share: float, _: str, number: int = number, message: str = message) -> None:
            context.progress((number + share) / len(scans), message)

        report(0.0, "")
        try:
            volume = read_volume(scan)
            entropy = segmenter.entropy(volume.array, volume.affine, report, context.cancelled)
        except BadInputError as error:
            skipped.append(f"{scan.name}: {error}")
            continue
        rows.append({"file": str(scan), "entropy": round(entropy, 4)})
    return rows, skipped
