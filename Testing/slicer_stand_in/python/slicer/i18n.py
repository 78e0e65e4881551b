"""Translation, where Slicer's own file is not at hand: every text stays as it is."""

import inspect
from pathlib import Path


def translate(context, text):
    from slicer import app

    return app.translate(context, text)


def getContext(sourceFile):
    """A file's context is its name, after that of its package where it is in one."""
    path = Path(sourceFile)
    inside_package = (path.parent / "__init__.py").is_file()
    return f"{path.parent.name}.{path.stem}" if inside_package else path.stem


def tr(text):
    caller = inspect.currentframe().f_back
    return translate(getContext(inspect.getsourcefile(caller) or "unknown"), text)
