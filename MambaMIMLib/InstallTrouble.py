"""Why an installation failed, in words, from what pip said; and what to do about it."""

import re
import sys
from collections.abc import Sequence

from slicer.i18n import tr as _

from MambaMIMLib.PackageProbe import Found
from MambaMIMLib.Packages import Package
from MambaMIMLib.WorkerJob import JobFailure

KIND = "missing_dependency"
_LINES = 60  # of what pip said, kept for a report
_LOGIN = re.compile(r"//[^/@\s]+@")  # a proxy's or an index's user and password
_PACKAGE = re.compile(r"(?:No matching distribution found for|satisfies the requirement) ([\w.-]+)")


def ofPip(code: int, lines: Sequence[str], folder: str = "") -> JobFailure:
    """What went wrong in an installation.

    Args:
        code: what pip ended with.
        lines: what it said.
        folder: of wheels, where they came from one.
    """
    said = "\n".join(lines)
    detail = _LOGIN.sub("//", "\n".join(lines[-_LINES:]))
    for pattern, explain in _CAUSES:
        found = re.search(pattern, said, re.IGNORECASE)
        if found:
            message, hint = explain(said, folder)
            return JobFailure(KIND, message, hint, detail)
    return JobFailure(
        KIND,
        _("The installation failed (pip ended with {code}).").format(code=code),
        _("See the log below; then try again, or choose another Python."),
        detail,
    )


def ofImport(found: Found) -> JobFailure | None:
    """What is wrong with packages that were imported for a trial, None if all is well."""
    if not found.python:
        return JobFailure(
            KIND,
            _("This Python could not be started."),
            _("Choose the program itself, such as bin/python or python.exe."),
            found.detail,
        )
    if found.python < (3, 10):
        version = ".".join(map(str, found.python))
        return JobFailure(
            KIND,
            _("This is Python {version}; 3.10 or newer is needed.").format(version=version),
            _("Choose another one."),
        )
    if found.complete and not found.errors:
        return None
    name, why = next(iter(found.errors.items()), ("", _("Python ended")))
    if name == "mambamim":
        message = _("mambamim is not in this Python: {why}.")
        hint = _("Install it there (pip install mambamim), or choose another Python.")
    else:
        message = _("{name} is installed but does not work: {why}.")
        hint = _("Restart Slicer and try again; if it stays so, choose another Python.")
    return JobFailure(KIND, message.format(name=name, why=why.rstrip(".")), hint, found.detail)


def lacking(packages: Sequence[Package]) -> JobFailure:
    """Another Python that was chosen has not all that is needed."""
    asked = " ".join(f'"{package.requirement}"' for package in packages)
    return JobFailure(
        KIND,
        _("This Python lacks {names}.").format(names=", ".join(p.name for p in packages)),
        _("Install it there with: pip install {packages}").format(packages=asked),
    )


def noRoom(needed: str, free: str) -> JobFailure:
    """The disk is too full, seen before anything was begun."""
    return JobFailure(
        KIND,
        _("The disk has too little room: {needed} are needed, {free} are free.").format(
            needed=needed, free=free
        ),
        _("Free some, or choose a Python on another disk."),
    )


def noPermission() -> JobFailure:
    """Slicer's folder cannot be written to, seen before anything was begun."""
    message, hint = _permission("", "")
    return JobFailure(KIND, message, hint)


def noPyTorchExtension() -> JobFailure:
    """The extension that picks torch for this computer's graphics card is not there."""
    return JobFailure(
        KIND,
        _("The extension PyTorch is missing, which installs torch as this computer needs it."),
        _(
            "Install it in the Extensions Manager and restart Slicer; or install from a folder, or"
            " choose another Python that has torch."
        ),
    )


def anotherAtWork() -> JobFailure:
    """Another extension installs something."""
    return JobFailure(
        KIND,
        _("Slicer is installing packages for another extension."),
        _("Wait until that is done, then try again."),
    )


def _proxy(said: str, folder: str) -> tuple[str, str]:
    return (
        _("The proxy of this network refused the download."),
        _("Set HTTPS_PROXY before Slicer is started, or install from a folder of wheels."),
    )


def _certificate(said: str, folder: str) -> tuple[str, str]:
    return (
        _("The download's certificate was not trusted; some networks put their own in its place."),
        _("Ask who runs the network for its certificate (PIP_CERT), or install from a folder."),
    )


def _network(said: str, folder: str) -> tuple[str, str]:
    return (
        _("The server of the packages could not be reached."),
        _("Check the network and try again; without one, install from a folder of wheels."),
    )


def _room(said: str, folder: str) -> tuple[str, str]:
    return (
        _("The disk is full."),
        _("Free some room (pip also needs it for temporary files), then try again."),
    )


def _inUse(said: str, folder: str) -> tuple[str, str]:
    return (
        _("A file that is to be replaced is in use."),
        _("Restart Slicer and install before anything else is done with the package."),
    )


def _permission(said: str, folder: str) -> tuple[str, str]:
    return (
        _("Slicer's Python folder cannot be written to."),
        _("Install Slicer in a folder of your own, or choose another Python."),
    )


def _conflict(said: str, folder: str) -> tuple[str, str]:
    return (
        _("The packages do not go together with what Slicer comes with, which is not changed."),
        _("Use the newest Slicer, or choose another Python."),
    )


def _wheel(said: str, folder: str) -> tuple[str, str]:
    found = _PACKAGE.search(said)
    name = found[1] if found else _("a package")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if folder:
        return (
            _("The folder has no wheel of {name} that fits Python {python} on {system}.").format(
                name=name, python=python, system=sys.platform
            ),
            _(
                "On a computer of the same kind with a network, fill it with:"
                " pip download --only-binary :all: --python-version {python} -d FOLDER PACKAGES"
            ).format(python=python),
        )
    return (
        _("There is no wheel of {name} for Python {python} on {system}.").format(
            name=name, python=python, system=sys.platform
        ),
        _("Choose another Python that has it, such as one of conda."),
    )


# In this order: without a network pip says in the end that it has found no version, too.
_CAUSES = (
    (r"ProxyError|407 Proxy|Tunnel connection failed", _proxy),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError", _certificate),
    (r"No space left on device|\[Errno 28\]|WinError 112|not enough space", _room),
    (
        r"NewConnectionError|NameResolutionError|getaddrinfo failed|Name or service not known"
        r"|Temporary failure in name resolution|Network is unreachable|ConnectTimeout"
        r"|Read timed out|Connection (?:refused|aborted|reset)|RemoteDisconnected",
        _network,
    ),
    (r"WinError 32|being used by another process", _inUse),
    (
        r"Permission denied|\[Errno 13\]|WinError 5\b|Access is denied|Read-only file system"
        r"|externally-managed-environment",
        _permission,
    ),
    (r"ResolutionImpossible|conflicting dependencies|conflict is caused", _conflict),
    (r"No matching distribution found|Could not find a version that satisfies", _wheel),
)
