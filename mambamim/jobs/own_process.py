"""A process that outlives the program which started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mambamim.errors import BadInputError

_children: dict[int, subprocess.Popen[bytes]] = {}  # of this program


def start_apart(
    command: list[str], environment: Mapping[str, str], complaints: Path
) -> subprocess.Popen[bytes]:
    """Start a process that nothing of this program ends; its standard input is a pipe.

    Args:
        command: program and arguments.
        environment: variables to set for it, or all it shall have where they hold PATH.
        complaints: file for its standard error.

    Raises:
        BadInputError: the program cannot be started.
    """
    whole = dict(environment) if "PATH" in environment else {**os.environ, **environment}
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        names = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW", "CREATE_BREAKAWAY_FROM_JOB")
        apart = {"creationflags": sum(getattr(subprocess, name, 0) for name in names)}
    try:
        with complaints.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env=whole,
                close_fds=True,
                **apart,
            )
    except OSError as error:
        raise BadInputError(
            f"{Path(command[0]).name} cannot be started: {error.strerror}.",
            "Choose another Python.",
        ) from error
    _children[process.pid] = process
    return process


def end_tree(pid: int) -> None:
    """End a process that `start_apart` has started, and those it has started, at once."""
    if os.name == "nt":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(pid)],
            capture_output=True,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # it leads a group of its own


def exists(pid: int) -> bool:
    """Whether there is a process of this number; where that cannot be told, there is."""
    child = _children.get(pid)
    if child is not None:
        return child.poll() is None  # which also takes it off the system's list when it has ended
    if pid == 0 or os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
