"""One installation into Slicer's own Python: torch by its extension, then the rest by pip."""

from collections.abc import Callable, Sequence
from functools import partial

from slicer.i18n import tr as _

from MambaMIMLib import InstalledPackages, InstallTrouble, Packages, Timer, Words
from MambaMIMLib.Installer import InstallerLike
from MambaMIMLib.Packages import MB, Package
from MambaMIMLib.WorkerJob import JobFailure

_SOON = 0.2  # seconds


class Installation:
    """Does its steps one after the other until one fails. What Slicer comes with is not changed.

    Args:
        installer: installs.
        packages: what is to be installed.
        folder: of wheels, where there is no network; "" for the network.
        onLine: called with each line that the installers say.
        onEnd: called with what went wrong, None if nothing did.
    """

    def __init__(
        self,
        installer: InstallerLike,
        packages: Sequence[Package],
        folder: str,
        onLine: Callable[[str], None],
        onEnd: Callable[[JobFailure | None], None],
    ) -> None:
        self._installer, self._packages, self._folder = installer, list(packages), folder
        self._tell, self._onEnd = onLine, onEnd
        self._torch = [p for p in packages if p.name == "torch" and not folder]
        self._lines: list[str] = []
        self._steps: list[Callable[[], None]] = []
        self._timer: Timer.TimerLike | None = None

    def obstacle(self) -> JobFailure | None:
        """What is in the way before it begins, None if nothing is."""
        needed = sum(package.download + package.disk for package in self._packages) * MB
        if self._installer.busy():
            return InstallTrouble.anotherAtWork()
        if not self._installer.writable():
            return InstallTrouble.noPermission()
        if self._installer.room() < needed:
            free = Words.size(self._installer.room())
            return InstallTrouble.noRoom(Words.size(needed), free)
        if self._torch and not self._installer.hasTorch():
            return InstallTrouble.noPyTorchExtension()
        return None

    def start(self, after: Callable[[float, Callable[[], None]], Timer.TimerLike]) -> None:
        """Begin; before torch's installer blocks it, the panel has time to be drawn."""
        source = ["--no-index", "--find-links", self._folder] if self._folder else []
        self._steps = [partial(self._installTorch, package) for package in self._torch]
        self._steps += self._pipSteps([p for p in self._packages if p not in self._torch], source)
        if self._folder:
            self._step()
        else:
            self._timer = after(_SOON, self._step)

    def stop(self) -> None:
        """Do not begin; what runs goes on."""
        if self._timer is not None:
            self._timer.stop()

    def _step(self, code: int = 0) -> None:
        if code:
            self._onEnd(InstallTrouble.ofPip(code, self._lines, self._folder))
        elif self._steps:
            self._steps.pop(0)()
        else:
            self._onEnd(None)

    def _pipSteps(
        self, packages: Sequence[Package], source: Sequence[str]
    ) -> list[Callable[[], None]]:
        normal = [package for package in packages if not package.alone]
        alone = [package for package in packages if package.alone]
        steps = [partial(self._pip, normal, source)] if normal else []
        return steps + ([partial(self._pip, alone, ["--no-deps", *source])] if alone else [])

    def _installTorch(self, torch: Package) -> None:
        self._onLine(_("Installing torch. Slicer does not react until that is done."))
        self._step(self._installer.torch(torch.versions, self._onLine))

    def _pip(self, packages: Sequence[Package], options: Sequence[str]) -> None:
        names = {package.name for package in packages}
        kept = [name for name in (*Packages.SHIPPED, "torch") if name not in names]
        requirements = [package.requirement for package in packages]
        self._installer.pip(
            ["--only-binary", ":all:", *options, *requirements],
            InstalledPackages.constraints(kept),
            self._onLine,
            self._step,
        )

    def _onLine(self, line: str) -> None:
        self._lines.append(line)
        self._tell(line)
