"""Installs packages into Slicer's Python by the ways that Slicer has for it."""

import contextlib
import io
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import disk_usage
from typing import Protocol

OnLine = Callable[[str], None]


class InstallerLike(Protocol):
    """What `Dependencies` needs; tests put a fake in its place."""

    def busy(self) -> bool:
        """Whether somebody else installs something."""

    def hasTorch(self) -> bool:
        """Whether the extension PyTorch is there."""

    def torch(self, versions: str, onLine: OnLine) -> int:
        """Install torch for this computer's graphics card; blocks, and gives what pip ended with.

        Args:
            versions: those that will do.
            onLine: called with what is said.
        """

    def pip(
        self,
        arguments: Sequence[str],
        constraints: Path,
        onLine: OnLine,
        onEnd: Callable[[int], None],
    ) -> None:
        """Install in the background where Slicer can.

        Args:
            arguments: of pip install.
            constraints: a file that holds packages to their versions.
            onLine: called with what is said.
            onEnd: called once with what pip ended with.
        """

    def room(self) -> int:
        """Free bytes where packages go."""

    def writable(self) -> bool:
        """Whether packages can go there."""


class SlicerInstaller:
    """slicer.packaging (Slicer 5.12), slicer.util before that, and PyTorchUtils for torch."""

    def busy(self) -> bool:
        """See `InstallerLike`."""
        packaging = _packaging()
        return packaging is not None and bool(packaging.isPipInstallInProgress())

    def hasTorch(self) -> bool:
        """See `InstallerLike`."""
        try:
            import PyTorchUtils  # noqa: F401
        except ImportError:
            return False
        return True

    def torch(self, versions: str, onLine: OnLine) -> int:
        """See `InstallerLike`. Slicer does not react meanwhile: the extension has no other way."""
        import PyTorchUtils

        try:
            with contextlib.redirect_stdout(_Tee(onLine)):
                installed = PyTorchUtils.PyTorchUtilsLogic().installTorch(
                    askConfirmation=False, torchVersionRequirement=versions
                )
        except subprocess.CalledProcessError as error:
            return int(error.returncode) or 1
        except Exception as error:
            onLine(f"{type(error).__name__}: {error}")
            return 1
        return 0 if installed is not None else 1

    def pip(
        self,
        arguments: Sequence[str],
        constraints: Path,
        onLine: OnLine,
        onEnd: Callable[[int], None],
    ) -> None:
        """See `InstallerLike`."""
        packaging = _packaging()
        if packaging is None:
            onEnd(_blocking([*arguments, "--constraint", str(constraints)], onLine))
            return
        ended: list[int] = []

        def end(code: int) -> None:
            if not ended:
                ended.append(code)
                onEnd(code)

        try:
            packaging.pip_install(
                list(arguments),
                constraints=constraints,
                blocking=False,
                show_progress=False,
                requester="MambaMIM",
                logCallback=onLine,
                completedCallback=end,
            )
        except subprocess.CalledProcessError as error:
            end(int(error.returncode) or 1)
            return
        except RuntimeError as error:  # no PythonSlicer, or another installation has begun
            onLine(str(error))
            end(1)
            return
        # In its testing mode Slicer waits for pip, and calls nobody.
        if not packaging.isPipInstallInProgress():
            end(0)

    def room(self) -> int:
        """See `InstallerLike`."""
        return disk_usage(_place()).free

    def writable(self) -> bool:
        """See `InstallerLike`."""
        try:
            with tempfile.TemporaryFile(dir=_place()):
                return True
        except OSError:
            return False


def _place() -> Path:
    return Path(sysconfig.get_path("purelib"))


def _packaging():
    try:
        import slicer.packaging
    except ImportError:
        return None
    return slicer.packaging


def _blocking(arguments: list[str], onLine: OnLine) -> int:
    import slicer

    try:
        with contextlib.redirect_stdout(_Tee(onLine)):
            slicer.util.pip_install(arguments)
    except subprocess.CalledProcessError as error:
        return int(error.returncode) or 1
    return 0


class _Tee(io.TextIOBase):
    """Standard output that is also heard line by line; Slicer's tools print what pip says."""

    def __init__(self, onLine: OnLine) -> None:
        self._before, self._onLine, self._rest = sys.stdout, onLine, ""

    def write(self, text: str) -> int:
        """Write on, and tell the lines that are whole."""
        if self._before is not None:
            self._before.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            self._onLine(line)
        return len(text)

    def flush(self) -> None:
        """Flush what it writes to."""
        if self._before is not None:
            self._before.flush()
