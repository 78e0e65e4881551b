"""The packages that the work needs: which are missing, and how they come to be there."""

from collections.abc import Callable, Sequence

from mambamim.errors import MambaMIMError
from MambaMIMLib import InstalledPackages, InstallTrouble, Log, Packages, PythonChoice, Timer
from MambaMIMLib.ChildProcess import ChildProcess, ProcessLike
from MambaMIMLib.Installation import Installation
from MambaMIMLib.Installer import InstallerLike, SlicerInstaller
from MambaMIMLib.PackageProbe import Found, PackageProbe
from MambaMIMLib.Packages import Package
from MambaMIMLib.Signal import Signal
from MambaMIMLib.WorkerJob import JobFailure


class Dependencies:
    """Looks, installs on demand, and tries what was installed in a process of its own.

    Nothing is installed without `install` or `installFromFolder`, which the owner calls once the
    user has agreed. What Slicer comes with is never changed.

    Args:
        choosePython: gives the Python that does the work; may raise MambaMIMError.
        more: packages that are needed beside those of every job, such as `Packages.forTraining`.
        installer: installs into Slicer's Python.
        makeProcess: gives a process that is not started yet.
        after: calls something in so many seconds.

    Attributes:
        state: "checking", "ready", "missing", "installing" or "verifying".
        trouble: what went wrong last, None after a success.
    """

    def __init__(
        self,
        choosePython: Callable[[], PythonChoice.PythonChoice] = PythonChoice.choosePython,
        more: Sequence[Package] = (),
        installer: InstallerLike | None = None,
        makeProcess: Callable[[], ProcessLike] = ChildProcess,
        after: Callable[[float, Callable[[], None]], Timer.TimerLike] = Timer.after,
    ) -> None:
        self.changed = Signal()  # (), the state
        self.pythonChanged = Signal()  # (), another Python, or another set of packages in it
        self.said = Signal()  # (line) of an installation
        self._choosePython, self._makeProcess, self._after = choosePython, makeProcess, after
        self._wanted = [*Packages.needed(), *more]
        self._installer = installer or SlicerInstaller()
        self._missing: list[Package] = []
        self._probe: PackageProbe | None = None
        self._installation: Installation | None = None
        self.state, self.trouble = "checking", None
        self.check()

    @property
    def ready(self) -> bool:
        """Whether all is there, as far as it was looked for."""
        return self.state == "ready"

    @property
    def python(self) -> PythonChoice.PythonChoice | None:
        """The Python that does the work, None if there is none."""
        try:
            return self._choosePython()
        except MambaMIMError:
            return None

    def missing(self) -> list[Package]:
        """What is missing, as last found."""
        return list(self._missing)

    def faster(self) -> list[Package]:
        """What is not needed and not there, and makes the work faster on this computer."""
        wanted = Packages.forSpeed()
        return Packages.missingOf(wanted, InstalledPackages.versions(p.name for p in wanted))

    def check(self) -> None:
        """Look again. For Slicer's own Python at once, for another in a process of its own."""
        try:
            python = self._choosePython()
        except MambaMIMError as error:
            self._missing = list(self._wanted)
            self._set("missing", JobFailure(error.kind, error.message, error.hint))
            return
        if python.own:
            versions = InstalledPackages.versions(package.name for package in self._wanted)
            self._missing = Packages.missingOf(self._wanted, versions)
            self._set("missing" if self._missing else "ready", self.trouble)
        else:
            self._ask(python, False, self._onFound)

    def explain(self, packages: Sequence[Package] | None = None) -> str:
        """How much these, or what is missing, take to download and on the disk: a sentence."""
        return Packages.explain(self._missing if packages is None else packages)

    def install(self, packages: Sequence[Package] | None = None) -> None:
        """Install into Slicer's Python from the network, then try it. The user has agreed.

        Args:
            packages: None for what is missing.
        """
        self._begin(self._missing if packages is None else packages, "")

    def installFromFolder(self, folder: str, packages: Sequence[Package] | None = None) -> None:
        """The same from a folder of wheels, without a network. The user has agreed."""
        self._begin(self._missing if packages is None else packages, folder)

    def usePython(self, program: str) -> None:
        """Try another Python, and let it do the work from now on if it can; "" takes Slicer's."""
        if self._atWork():
            return
        if not program:
            PythonChoice.setChosenProgram("")
            self.trouble = None
            self.check()
            self.pythonChanged()
            return
        python = PythonChoice.otherPython(program)
        self._set("verifying", None)
        self._ask(python, True, lambda found: self._onTried(found, program))

    def stop(self) -> None:
        """Leave everything as it is: the panel goes. An installation that runs goes on."""
        if self._probe is not None:
            self._probe.stop()
        if self._installation is not None:
            self._installation.stop()

    def _atWork(self) -> bool:
        return self.state in ("installing", "verifying")

    def _begin(self, packages: Sequence[Package], folder: str) -> None:
        """Begin where it makes sense; what is in the way becomes the trouble."""
        if self._atWork() or not packages:
            return
        installation = Installation(self._installer, packages, folder, self.said, self._onInstalled)
        obstacle = installation.obstacle()
        if obstacle is not None:
            self._set("missing", obstacle)
            return
        self._installation = installation
        self._set("installing", None)
        installation.start(self._after)

    def _onInstalled(self, trouble: JobFailure | None) -> None:
        if trouble is not None:
            self._fail(trouble)
            return
        self._set("verifying", None)
        self._ask(PythonChoice.slicerPython(), True, self._onVerified)

    def _onVerified(self, found: Found) -> None:
        trouble = InstallTrouble.ofImport(found)
        if trouble is None:
            self._onFound(found)
        else:
            self._missing = [p for p in self._wanted if p.name in found.errors] or self._wanted
            self._set("missing", trouble)
        self.pythonChanged()

    def _onTried(self, found: Found, program: str) -> None:
        trouble = InstallTrouble.ofImport(found)
        missing = Packages.missingOf(self._wanted, found.versions)
        if trouble is None and missing:
            trouble = InstallTrouble.lacking(missing)
        if trouble is None:
            PythonChoice.setChosenProgram(program)
            self._onFound(found)
            self.pythonChanged()
        else:
            self._fail(trouble)

    def _onFound(self, found: Found) -> None:
        self._missing = Packages.missingOf(self._wanted, found.versions)
        trouble = self.trouble if found.python else InstallTrouble.ofImport(found)
        self._set("missing" if self._missing else "ready", trouble)

    def _fail(self, trouble: JobFailure) -> None:
        Log.warning(trouble.message)
        self.trouble = trouble
        self.check()

    def _ask(
        self, python: PythonChoice.PythonChoice, byImport: bool, done: Callable[[Found], None]
    ) -> None:
        if self._probe is not None:
            self._probe.stop()
        self._probe = PackageProbe(self._makeProcess, self._after)
        self._probe.start(python, self._wanted, byImport, done)

    def _set(self, state: str, trouble: JobFailure | None) -> None:
        self.state, self.trouble = state, trouble
        self.changed()
