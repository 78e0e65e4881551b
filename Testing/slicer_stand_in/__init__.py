"""A stand-in for the 3D Slicer application: real MRML scene and logics, PythonQt's manners on
PySide6.

It opens scripted modules without Slicer, for tests and pictures. README.md says how, what it
refuses and what it lacks.
"""

from .pictures import grab, render_3d, render_plot, render_slice
from .start import (
    boot,
    close_module,
    dialogs,
    installs,
    open_module,
    show_application,
    shut_down,
    uncaught,
)

__all__ = [
    "boot",
    "close_module",
    "dialogs",
    "grab",
    "installs",
    "open_module",
    "render_3d",
    "render_plot",
    "render_slice",
    "show_application",
    "shut_down",
    "uncaught",
]
