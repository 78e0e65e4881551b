"""What a person is told where the worker, and not its job, has failed."""

import re
from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from MambaMIMLib import Log
from MambaMIMLib.ChildProcess import ProcessEnd
from MambaMIMLib.WorkerJob import JobFailure

_NO_MODULE = re.compile(r"No module named '?([A-Za-z_]\w*)")
_IMPORTED = re.compile(r"^\s*(?:import|from)\s+([A-Za-z_]\w*)", re.MULTILINE)


def cancelled() -> JobFailure:
    """Somebody cancelled the job."""
    return JobFailure("cancelled", _("Cancelled; nothing was written."))


def stopped() -> JobFailure:
    """The scene or the application closes."""
    return JobFailure(
        "stopped", _("Stopped, because the scene or the application closed; nothing was written.")
    )


def died(end: ProcessEnd, said: str) -> JobFailure:
    """The worker ended in the middle of a job.

    Args:
        end: how.
        said: the last lines of its standard error, cleaned.
    """
    if end.killed:
        return JobFailure(
            "out_of_memory",
            _("The system ended the work by force, as it does when memory runs out."),
            _(
                "Close other programs, or take the coarse quality, a region of interest or the CPU;"
                " then run it again."
            ),
            said,
        )
    return JobFailure(
        "worker_died",
        _("The work ended unexpectedly (exit code {code}). Slicer and your data are not touched.")
        .format(code=end.code),
        _("Run it again. If it happens once more, choose CPU as the device, and see the details."),
        said,
    )  # fmt: skip


def notStarted(end: ProcessEnd, said: str) -> JobFailure:
    """The worker ended before it could take a job; see `died`."""
    if not end.started:
        return JobFailure(
            "worker_not_started",
            _("The Python that is to do the work could not be started."),
            _("Choose another Python, or Slicer's own, where the packages are listed."),
            said,
        )
    missing = _NO_MODULE.findall(said)
    if missing:
        return missingPackage(missing[-1], said)
    if end.killed:
        return died(end, said)
    return JobFailure(
        "worker_not_started",
        _("The work could not begin: its Python ended at once (exit code {code}).").format(
            code=end.code
        ),
        _("See the details. Python 3.10 or newer with the packages that are listed is needed."),
        said,
    )


def silent(said: str) -> JobFailure:
    """The worker has started and said nothing; see `died`."""
    return JobFailure(
        "worker_not_started",
        _("The work could not begin: its Python does not answer."),
        _("Run it again; a virus scanner may have held it up. Otherwise choose another Python."),
        said,
    )


def otherVersion(ready: Mapping[str, Any], wanted: int) -> JobFailure:
    """The worker speaks another version of the protocol, as its `ready` event tells."""
    return JobFailure(
        "worker_not_started",
        _(
            "The chosen Python has MambaMIM {version}, which does not go with this extension"
            " (protocol {found}, not {wanted})."
        ).format(version=ready.get("version"), found=ready.get("protocol"), wanted=wanted),
        _("Update mambamim in that Python, or choose Slicer's own."),
    )


def missingPackage(name: str, detail: str = "") -> JobFailure:
    """A package cannot be imported by the Python that does the work."""
    hint = _("Install it with the button above the settings, or choose a Python that has it.")
    if name == "mambamim":
        hint = _("Install mambamim there (pip install mambamim), or choose Slicer's own Python.")
    return JobFailure(
        "missing_dependency",
        _("The package {name} is missing in the Python that does the work.").format(name=name),
        hint,
        detail,
    )


def told(event: Mapping[str, Any]) -> JobFailure:
    """What an `error` event of the worker's tells, with what this side knows of it."""
    kind, message, hint, detail = (
        str(event.get(name) or "") for name in ("kind", "message", "hint", "detail")
    )
    cleaned = Log.clean(detail, Log.sceneNames())
    if kind == "error" and "ModuleNotFoundError" in message:
        imported = _IMPORTED.findall(detail)
        return missingPackage(imported[-1] if imported else "torch", cleaned)
    return JobFailure(kind or "error", message, hint, cleaned)
