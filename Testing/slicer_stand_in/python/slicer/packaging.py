"""slicer.packaging: asks as Slicer does, and writes down what would be installed instead of doing
it."""

import importlib.metadata
import logging
import shlex
import subprocess
from dataclasses import dataclass, field

import qt
import slicer.util
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    tomllib = None


@dataclass
class Installs:
    """What tests see and say: which packages are missing, what was installed, whether it goes
    well."""

    done: list[dict] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    return_code: int = 0

    def clear(self):
        self.__init__()


recorded = Installs()
_in_progress = False


def load_requirements(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def load_pyproject_dependencies(path):
    with open(path, "rb") as file:
        project = tomllib.load(file)
    if "project" not in project:
        raise KeyError(f"pyproject.toml has no [project] table: {path}")
    return [Requirement(text) for text in project["project"].get("dependencies", [])]


def pip_check(req):
    return all(_is_there(requirement) for requirement in _requirements(req))


def isPipInstallInProgress():
    return _in_progress


def pip_ensure(
    requirements,
    constraints=None,
    skip_packages=None,
    prompt_install=True,
    prompt_restart=True,
    requester=None,
    skip_in_testing=True,
    show_progress=True,
):
    missing = [str(r) for r in _requirements(requirements) if not _is_there(r)]
    if not missing:
        return None
    if skip_in_testing and slicer.app.testingEnabled():
        logging.info("Testing mode: pip_ensure does not install %s", ", ".join(missing))
        return None
    if prompt_install:
        title = f"{requester} - Install Python Packages" if requester else "Install Python Packages"
        question = f"{len(missing)} Python package(s) need to be installed. Continue?"
        if not slicer.util.confirmOkCancelDisplay(question, title, detailedText="\n".join(missing)):
            raise RuntimeError("User declined package installation")
    return pip_install(
        missing,
        constraints=constraints,
        skip_packages=skip_packages,
        show_progress=show_progress,
        requester=requester,
    )


def pip_install(
    requirements,
    constraints=None,
    no_deps_requirements=None,
    skip_packages=None,
    blocking=True,
    show_progress=True,
    requester=None,
    parent=None,
    logCallback=None,
    completedCallback=None,
):
    if skip_packages is not None and (no_deps_requirements is not None or not blocking):
        raise ValueError("skip_packages goes with neither no_deps_requirements nor blocking=False")
    global _in_progress
    if not blocking and _in_progress:
        raise RuntimeError("A non-blocking pip_install is already in progress.")
    arguments = shlex.split(requirements) if isinstance(requirements, str) else list(requirements)
    recorded.done.append(
        {
            "requirements": arguments,
            "constraints": constraints,
            "no_deps_requirements": no_deps_requirements,
            "skip_packages": skip_packages,
            "blocking": blocking,
            "requester": requester,
        }
    )
    if blocking:
        _finish(arguments)
        if recorded.return_code:
            raise subprocess.CalledProcessError(recorded.return_code, "pip install")
        return [] if skip_packages is not None else None
    _in_progress = True
    qt.QTimer.singleShot(0, lambda: _finish_later(arguments, logCallback, completedCallback))
    return None


def pip_uninstall(requirements, **_options):
    names = shlex.split(requirements) if isinstance(requirements, str) else list(requirements)
    recorded.done.append({"uninstall": names})
    recorded.added -= {canonicalize_name(name) for name in names}


def _finish_later(arguments, log_callback, completed_callback):
    global _in_progress
    _in_progress = False
    for argument in arguments:
        if log_callback:
            log_callback(f"Collecting {argument}")
    _finish(arguments)
    if completed_callback:
        completed_callback(recorded.return_code)


def _finish(arguments):
    if recorded.return_code == 0:
        named = [a for a in arguments if not a.startswith("-")]
        recorded.added |= {canonicalize_name(r.name) for r in map(_parsed, named) if r}


def _parsed(text):
    try:
        return Requirement(text)
    except InvalidRequirement:  # a file, or the value of an option
        return None


def _requirements(given):
    if isinstance(given, Requirement):
        return [given]
    if isinstance(given, list):
        return [Requirement(r) if isinstance(r, str) else r for r in given]
    if not isinstance(given, str):
        raise TypeError(f"Expected str, Requirement, or list, got {type(given).__name__}")
    return [_parsed(given)] if _parsed(given) else [Requirement(text) for text in given.split()]


def _is_there(requirement):
    name = canonicalize_name(requirement.name)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    if name in recorded.added:
        return True
    if name in recorded.missing:
        return False
    try:
        return importlib.metadata.version(name) in requirement.specifier
    except importlib.metadata.PackageNotFoundError:
        return False
