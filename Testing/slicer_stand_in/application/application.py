"""slicer.app."""

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from PySide6 import QtCore

from ..widgets.behaviour import Behaviour, behind
from ..widgets.factory import made_classes

# Slicer's PythonSlicer is a launcher: the interpreter is its child. So is it here, and who ends the
# launcher alone leaves the interpreter running, as there.
_LAUNCHER = '#!/bin/sh\n"{python}" "$@"\nexit $?\n'


@behind("qSlicerCommandOptions")
class CommandOptions(Behaviour):
    """As of a Slicer that was started with --no-main-window, and --testing if it is so."""

    def get_testingEnabled(self) -> bool:
        return bool(QtCore.QCoreApplication.instance().testingEnabled())


@behind("qSlicerExtensionsManagerModel")
class ExtensionsManagerModel(Behaviour):
    """No extension is installed, and the server is out of reach."""

    def isExtensionInstalled(self, _name: str) -> bool:
        return False

    isExtensionEnabled = isExtensionInstalled

    def installExtensionFromServer(self, _name: str, *_options: bool) -> bool:
        return False


@behind("qSlicerApplication")
class Application(Behaviour):
    base_arguments = (["Slicer"],)
    testing = True
    scene: Any = None
    manager: Any = None
    files: Any = None
    layouts: Any = None
    options: Any = None
    extensions: Any = None

    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="slicer_stand_in_")
        home = Path(self.folder.name)
        self.values.update(
            slicerHome=str(home),
            temporaryPath=str(_made(home / "temporary")),
            cachePath=str(home / "temporary" / "RemoteIO"),
            extensionsInstallPath=str(_made(home / "extensions")),
            startupWorkingPath=str(Path.cwd()),
            launcherExecutableFilePath=sys.executable,
        )
        _put_launcher_on_path(_made(home / "bin"))
        QtCore.QCoreApplication.setOrganizationName("Slicer stand-in")
        QtCore.QCoreApplication.setApplicationName("Slicer")
        QtCore.QCoreApplication.setApplicationVersion("5.12.0-stand-in")
        ini = QtCore.QSettings.IniFormat
        QtCore.QSettings.setDefaultFormat(ini)
        for scope in (QtCore.QSettings.UserScope, QtCore.QSettings.SystemScope):
            QtCore.QSettings.setPath(ini, scope, str(_made(home / "settings")))
        self.environment = QtCore.QProcessEnvironment.systemEnvironment()
        self.paused = 0

    def mrmlScene(self) -> Any:
        return self.scene.mrml

    def applicationLogic(self) -> Any:
        return self.scene.application_logic

    def layoutManager(self) -> Any:
        return self.layouts

    def coreIOManager(self) -> Any:
        return self.files

    def ioManager(self) -> Any:
        return self.files

    def moduleManager(self) -> Any:
        return self.manager

    def settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    userSettings = revisionUserSettings = settings

    def testingEnabled(self) -> bool:
        return self.testing

    def commandOptions(self) -> Any:
        if self.options is None:
            self.options = made_classes()["qSlicerCommandOptions"](self.q)
        return self.options

    coreCommandOptions = commandOptions

    def extensionsManagerModel(self) -> Any:
        if self.extensions is None:
            self.extensions = made_classes()["qSlicerExtensionsManagerModel"](self.q)
        return self.extensions

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment(self.environment)

    def moduleDocumentationUrl(self, module: str) -> str:
        url = self.values["documentationBaseUrl"]
        return f"{url}user_guide/modules/{module.lower()}.html"

    def pauseRender(self) -> None:
        self.paused += 1

    def resumeRender(self) -> None:
        self.paused -= 1

    def setRenderPaused(self, pause: bool) -> None:
        self.paused += 1 if pause else -1

    def isRenderPaused(self) -> bool:
        return self.paused > 0

    def isInstalled(self) -> bool:
        return True

    def translate(self, context: str, text: str, comment: str = "", count: int = -1) -> str:
        return text

    def pythonConsole(self) -> None:
        return None

    def restart(self) -> None:
        raise RuntimeError("the module asked for a restart of Slicer")

    def toSlicerHomeAbsolutePath(self, path: str) -> str:
        return str(Path(self.values["slicerHome"]) / path)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _put_launcher_on_path(folder: Path) -> None:
    launcher = folder / "PythonSlicer"
    launcher.write_text(_LAUNCHER.format(python=sys.executable), encoding="utf-8")
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
