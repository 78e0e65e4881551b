"""What Qt and VTK read from the environment when they are imported, and what they need to be
there."""

import ctypes
import functools
import importlib.util
import os
import subprocess
import sys

_VARIABLES = {
    "QT_QPA_PLATFORM": "offscreen",
    "VTK_DEFAULT_OPENGL_WINDOW": "vtkEGLRenderWindow",
}
# Enumerations as integers, and without the scoped spelling that PythonQt does not know.
_PYSIDE_ENUM = {"PYSIDE6_OPTION_PYTHON_ENUM": "0x06"}

_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}
_PACKAGES = ("slicer_core", "PySide6", "vtkmodules")

_RENDER_ONE_PIXEL = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderer
window = vtkRenderWindow(); window.SetOffScreenRendering(1); window.SetSize(8, 8)
window.AddRenderer(vtkRenderer()); window.Render()
assert window.ReportCapabilities().strip()
"""


def set_variables() -> None:
    """Set what has to be set before PySide6 and vtk are imported; a person's own values stay."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    os.environ.update(_PYSIDE_ENUM)


@functools.cache
def missing() -> str:
    """Return why the stand-in cannot start here, in one sentence, or an empty string."""
    packages = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if packages:
        return f"{', '.join(packages)} not installed: pip install '.[slicer-test]'"
    libraries = [debian for name, debian in _LIBRARIES.items() if not _loads(name)]
    if sys.platform == "linux" and libraries:
        return f"system libraries are missing: apt-get install {' '.join(libraries)}"
    return ""


@functools.cache
def missing_for_rendering() -> str:
    """Return why nothing can be rendered here, or an empty string. Tried in another process, since
    a driver that is not there may end it."""
    if missing():
        return missing()
    environment = {**os.environ, **_VARIABLES}
    tried = subprocess.run(
        [sys.executable, "-c", _RENDER_ONE_PIXEL], env=environment, capture_output=True
    )
    if tried.returncode:
        return "VTK cannot render here: apt-get install libegl1 libgl1 libgl1-mesa-dri"
    return ""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
