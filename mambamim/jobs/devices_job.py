"""The job "devices": what the worker can compute on."""

from __future__ import annotations

from typing import Any

from mambamim.errors import BadInputError
from mambamim.jobs.context import JobContext


def run(parameters: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Look for devices.

    Args:
        parameters: none are taken.
        context: of the job.

    Returns:
        `devices` (rows as `mambamim.diagnosis.list_devices` gives them) and `auto`, the device
        that "auto" takes; None where torch is missing.

    Raises:
        BadInputError: a parameter was given.
    """
    if parameters:
        raise BadInputError(f"The job devices takes no parameter {min(parameters)!r:.60}.")
    from mambamim.diagnosis import list_devices, version_of

    context.progress(0.1, "looking for devices")
    auto = None
    if version_of("torch") is not None:
        from mambamim.inference.runtimes import choose_device

        auto = str(choose_device("auto"))
    return {"devices": list_devices(), "auto": auto}
