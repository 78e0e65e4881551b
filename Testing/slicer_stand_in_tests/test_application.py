"""slicer.app, dialogs, files, packages, launcher, and what a module sees of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from slicer_stand_in import boot, show_application
from slicer_stand_in.widgets.factory import behaviour

_TESTING = Path(__file__).parents[1]


def _alone(code):
    """Run code in a process of its own, with this folder's parent on the path."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(_TESTING)!r}); {code}"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)


def test_application(app):
    assert app is slicer.app is boot()
    assert app is qt.QApplication.instance()
    assert (app.applicationName, app.majorVersion, app.testingEnabled()) == ("Slicer", 5, True)
    assert Path(app.temporaryPath).is_dir()
    assert slicer.util.mainWindow() is None
    with pytest.raises(AttributeError):
        app.version  # noqa: B018


def test_main_window(scene):
    with pytest.raises(RuntimeError, match="main window"):
        slicer.util.selectModule("SegmentEditor")
    window = show_application("SegmentEditor")
    assert slicer.util.mainWindow() is window
    assert slicer.util.selectedModule() == "SegmentEditor"
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.modules.SegmentEditorWidget.editor.setSegmentationNode(node)
    assert slicer.modules.SegmentEditorWidget.editor.segmentationNode() is node
    slicer.util.selectModule("Volumes")
    assert not slicer.modules.segmenteditor.widgetRepresentation().isEntered
    slicer.util.selectModule("SegmentEditor")
    slicer.modules.segmenteditor.widgetRepresentation().exit()
    window.findChild(qt.QScrollArea, "ModulePanel").takeWidget().setParent(None)
    window.deleteLater()
    qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    assert slicer.util.mainWindow() is None


def test_settings_are_in_a_folder_of_their_own(app):
    qt.QSettings().setValue("stand-in/test", 3)
    assert Path(qt.QSettings().fileName()).is_relative_to(app.slicerHome)
    assert int(app.userSettings().value("stand-in/test")) == 3


def test_python_slicer_is_a_launcher(app):
    launcher = shutil.which("PythonSlicer")
    code = "import os, sys; print(sys.executable, os.getppid())"
    with subprocess.Popen([launcher, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        executable, parent = process.stdout.read().split()
    assert (executable, int(parent)) == (sys.executable, process.pid)


def test_console_processes(app):
    lines, codes = [], []
    slicer.util.launchConsoleProcess(
        [sys.executable, "-c", "print('line'); raise SystemExit(3)"],
        blocking=False,
        logCallback=lines.append,
        completedCallback=codes.append,
    )
    for _ in range(200):
        app.processEvents()
        qt.QThread.msleep(20)
        if codes:
            break
    assert (lines, codes) == (["line"], [3])


def test_questions_are_answered(dialogs):
    dialogs.answer(True, False, True)
    assert slicer.util.confirmYesNoDisplay("first?")
    assert not slicer.util.confirmOkCancelDisplay("second?")
    assert qt.QMessageBox.question(None, "title", "third?") == qt.QMessageBox.Yes
    slicer.util.errorDisplay("fourth", detailedText="details")
    box = qt.QMessageBox()
    box.text = "fifth"
    box.exec_()
    assert [d.text for d in dialogs.shown] == ["first?", "second?", "third?", "fourth", "fifth"]
    assert dialogs.shown[3].details == "details"


def test_files_and_texts_are_asked_for(dialogs):
    dialogs.answer("/a/b.nrrd", "name")
    assert qt.QFileDialog.getOpenFileName(None, "File", "") == "/a/b.nrrd"
    assert qt.QInputDialog.getText(None, "Name", "Name:") == "name"
    assert qt.QFileDialog.getSaveFileName(None, "File", "") == ""


def test_errors_are_displayed(dialogs, monkeypatch):
    monkeypatch.setattr(behaviour(slicer.app), "testing", False)
    with (
        pytest.raises(ValueError, match="inner"),
        slicer.util.tryWithErrorDisplay("It failed.", waitCursor=True),
    ):
        raise ValueError("inner")
    assert "It failed." in dialogs.shown[-1].text
    assert "Traceback" in dialogs.shown[-1].details


def test_packages(installs):
    assert slicer.packaging.pip_check("numpy>=1 pytest")
    installs.missing = {"numpy"}
    assert not slicer.packaging.pip_check(["numpy>=1"])
    lines, codes = [], []
    slicer.packaging.pip_install(
        "numpy --no-deps", blocking=False, logCallback=lines.append, completedCallback=codes.append
    )
    assert slicer.packaging.isPipInstallInProgress()
    slicer.app.processEvents()
    assert (codes, installs.done[0]["requirements"]) == ([0], ["numpy", "--no-deps"])
    assert slicer.packaging.pip_check("numpy")
    installs.return_code = 1
    with pytest.raises(subprocess.CalledProcessError):
        slicer.util.pip_install("other")


def test_volumes_and_segmentations_are_written_and_read(scene, tmp_path):
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume = slicer.util.addVolumeFromArray(voxels, name="volume")
    volume.SetSpacing(1, 2, 3)
    assert slicer.util.saveNode(volume, str(tmp_path / "volume.nii.gz"))
    read = slicer.util.loadVolume(str(tmp_path / "volume.nii.gz"))
    assert np.array_equal(slicer.util.arrayFromVolume(read), voxels)
    assert read.GetSpacing() == pytest.approx((1, 2, 3))
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("liver", "liver")
    mask = (voxels > 11).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "liver", volume)
    slicer.util.exportNode(node, str(tmp_path / "organs.seg.nrrd"))
    again = slicer.util.loadSegmentation(str(tmp_path / "organs.seg.nrrd"))
    array = slicer.util.arrayFromSegmentBinaryLabelmap(again, "liver", volume)
    assert np.array_equal(array, mask)
    with pytest.raises(RuntimeError, match="no such file"):
        slicer.util.loadVolume(str(tmp_path / "nothing.nrrd"))


def test_about_to_quit_is_sent():
    done = _alone(
        "from slicer_stand_in import *; app = boot(); "
        "app.connect('aboutToQuit()', lambda: print('about to quit')); shut_down()"
    )
    assert (done.stdout.split("\n")[0], done.returncode) == ("about to quit", 0)


def test_slicers_own_files_come_first(tmp_path):
    (tmp_path / "slicer").mkdir()
    for name in ("i18n", "packaging"):
        file = tmp_path / "slicer" / f"{name}.py"
        file.write_text("tr = recorded = 'from outside'\n", encoding="utf-8")
    done = _alone(
        f"from slicer_stand_in import *; boot(slicer_python={str(tmp_path / 'slicer')!r}); "
        "import slicer.i18n, slicer.testing; print(slicer.i18n.tr, installs().done)"
    )
    assert done.stdout.strip() == "from outside []", done.stderr


def test_tests_are_skipped_where_packages_are_missing(tmp_path):
    done = _alone(
        "import importlib.util as u; find = u.find_spec; "
        "u.find_spec = lambda n, *a: None if n == 'slicer_core' else find(n, *a); "
        f"import pytest; sys.exit(pytest.main(['-rs', {str(Path(__file__).parent)!r}]))"
    )
    assert done.returncode == 0, done.stdout
    assert "slicer_core not installed" in done.stdout
    assert "passed" not in done.stdout
