"""The job "sample_ct": paint the synthetic CT that has no patient."""

from __future__ import annotations

import time
from typing import Any

from mambamim.errors import BadInputError
from mambamim.inference.parameters import a_path, an_integer, read_parameters
from mambamim.jobs.context import JobContext

DEFAULT_SEED = 1  # as that of `mambamim demo`: one sample wherever it is met
_SUFFIX = ".nii.gz"
_READERS = {"output": a_path, "seed": an_integer}


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write a synthetic abdominal CT.

    Args:
        parameters: `output`, a .nii.gz file, and `seed`, from 0; without it the demo's.
        context: of the job.

    Returns:
        `output`, `files`, `seconds`, `seed` and `phase` (of the contrast agent).

    Raises:
        BadInputError: a parameter or the place cannot be used, or the disk is full.
        Cancelled: the client said so; nothing is left behind.
    """
    started = time.monotonic()
    asked = read_parameters(parameters, _READERS, ("output",))
    output, seed = asked["output"], asked.get("seed", DEFAULT_SEED)
    if not output.name.endswith(_SUFFIX):
        raise BadInputError(f"{output.name} does not end in {_SUFFIX}.")
    if not 0 <= seed < 2**63:
        raise BadInputError(f"The seed must be 0 or more and below 2^63, not {seed}.")
    from mambamim.inference.outputs import check_writable, nothing_left, stop_if
    from mambamim.inference.report import Report

    report = Report(context.progress, context.cancelled)
    report(0.0, "loading")
    check_writable(output)
    from mambamim.data.phantom import make_phantom, write_nifti  # loads torch: seconds

    phantom = make_phantom(seed, report=lambda done, what: report(0.2 + 0.72 * done, what))
    report(0.92, "writing")
    with nothing_left([output]) as written:
        write_nifti(output, phantom.ct, phantom.affine)
        written.append(output)
        stop_if(context.cancelled)
    context.progress(1.0, "done")
    return {
        "output": str(output),
        "files": [str(output)],
        "seconds": round(time.monotonic() - started, 2),
        "seed": seed,
        "phase": phantom.phase.value,
    }
