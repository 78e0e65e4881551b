"""In the idiom of modules that run other programs: QProcess, QTimer, packages asked for on a
click."""

import json
import shutil

import qt
import slicer
from slicer.ScriptedLoadableModule import *


class RunsPrograms(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Runs programs"
        parent.categories = ["Utilities"]


class RunsProgramsWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        super().setup()
        self.process = None
        self.lines = []
        self.runButton = qt.QPushButton("Run")
        self.stopButton = qt.QPushButton("Stop")
        self.stopButton.enabled = False
        self.bar = qt.QProgressBar()
        self.bar.setRange(0, 100)
        self.log = qt.QPlainTextEdit()
        self.log.readOnly = True
        for widget in (self.runButton, self.stopButton, self.bar, self.log):
            self.layout.addWidget(widget)
        self.runButton.connect("clicked()", self.run)
        self.stopButton.connect("clicked()", self.stop)
        slicer.app.connect("aboutToQuit()", self.stop)

    def cleanup(self):
        slicer.app.disconnect("aboutToQuit()", self.stop)
        self.stop()

    def run(
        self, code="import json\nfor i in range(3): print(json.dumps({'done': i}), flush=True)"
    ):
        self.process = qt.QProcess()
        self.process.setProcessChannelMode(qt.QProcess.SeparateChannels)
        self.process.connect("readyReadStandardOutput()", self.onOutput)
        self.process.finished.connect(self.onFinished)
        self.process.errorOccurred.connect(self.onError)
        self.process.start(shutil.which("PythonSlicer"), ["-u", "-c", code])
        self.runButton.enabled = False
        self.stopButton.enabled = True

    def stop(self):
        if self.process is not None and self.process.state() != qt.QProcess.NotRunning:
            self.process.terminate()
            self.process.waitForFinished(3000)

    def onOutput(self):
        while self.process.canReadLine():
            line = self.process.readLine().data().decode("utf-8").strip()
            self.lines.append(json.loads(line))
            self.log.appendPlainText(line)
            self.bar.value = 100 * (self.lines[-1]["done"] + 1) / 3

    def onError(self, error):
        self.log.appendPlainText(f"error {error}")

    def onFinished(self, exitCode, exitStatus):
        self.exitCode = exitCode
        self.runButton.enabled = True
        self.stopButton.enabled = False

    def install(self):
        slicer.packaging.pip_ensure(
            ["a-package-that-is-not-there>=1"], requester="RunsPrograms", skip_in_testing=False
        )
        slicer.util.infoDisplay("Installed", windowTitle="RunsPrograms")
