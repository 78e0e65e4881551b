"""End a process and all that it started.

PythonSlicer is a launcher whose child is the interpreter: who ends the launcher alone leaves the
interpreter running, with the graphics card's memory.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

_PATIENCE = 5  # seconds for the system's own tool


def endTree(root: int) -> None:
    """End the process `root` and its descendants at once; those that are gone are no error.

    On Windows the ending is asked for and goes on for some milliseconds after the return.
    """
    if root <= 0:
        return
    if sys.platform == "win32":
        _taskkill("/PID", str(root))
        return
    # Held first: what runs on could start another process while the list is gone through.
    held: list[int] = []
    while new := [pid for pid in (root, *descendants(root)) if pid not in held]:
        _send(signal.SIGSTOP, new)
        held += new
    _send(signal.SIGKILL, held)


def endOrphan(pid: int, command: str) -> None:
    """End a process whose launcher is gone, if it still is the one that was started.

    The system may have given the number to another process since.

    Args:
        pid: its number.
        command: what its command line holds, such as a module's name.
    """
    if sys.platform == "win32":
        _taskkill("/FI", f"PID eq {pid}", "/FI", "IMAGENAME eq python*")
    elif command in commandOf(pid):
        endTree(pid)


def descendants(root: int) -> list[int]:
    """Numbers of all processes below `root`, parents before children. Not for Windows."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found = []
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop(0)
        found.append(pid)
        waiting.extend(children.get(pid, ()))
    return found


def commandOf(pid: int) -> str:
    """A process's command line, empty where there is none. Not for Windows."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
        except OSError:
            return ""
    return _ps("-p", str(pid), "-o", "command=")


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _parents() -> dict[int, int]:
    """Process -> the one that started it."""
    if Path("/proc/self").exists():
        return _parentsFromProc()
    return _parentsFromPs()


def _parentsFromPs() -> dict[int, int]:
    rows = (line.split() for line in _ps("-A", "-o", "pid=,ppid=").splitlines())
    return {int(row[0]): int(row[1]) for row in rows if len(row) == 2}


def _parentsFromProc() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            facts = (entry / "stat").read_text(encoding="latin-1")
        except OSError:  # it has ended meanwhile
            continue
        # The name in parentheses may hold blanks and parentheses: what counts comes after it.
        parents[int(entry.name)] = int(facts.rpartition(")")[2].split()[1])
    return parents


def _ps(*arguments: str) -> str:
    asked = subprocess.run(
        ["ps", *arguments], capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    return asked.stdout


def _taskkill(*which: str) -> None:
    subprocess.run(
        ["taskkill", "/F", "/T", *which],
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
