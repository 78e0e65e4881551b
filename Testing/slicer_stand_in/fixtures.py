"""pytest fixtures for tests that run in the stand-in: `from slicer_stand_in.fixtures import *`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import environment, start

__all__ = [
    "app",
    "dialogs",
    "installs",
    "needs_rendering",
    "no_uncaught",
    "pytest_pycollect_makemodule",
    "scene",
]

needs_rendering = pytest.mark.skipif(
    bool(environment.missing_for_rendering()), reason=environment.missing_for_rendering()
)


class _Missing(pytest.Item):
    """Stands for the tests of a file that cannot run here; an item of its own, so that it is
    counted."""

    def runtest(self) -> None:
        pytest.skip(environment.missing())


class _SkippedModule(pytest.Module):
    def collect(self) -> Any:
        yield _Missing.from_parent(self, name="stand-in for Slicer")


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> Any:
    """Start before a test file is imported, so that it may import slicer and qt; or skip it."""
    if environment.missing():
        return _SkippedModule.from_parent(parent, path=module_path)
    start.boot()
    return None


@pytest.fixture(scope="session")
def app() -> Iterator[Any]:
    """slicer.app; it is shut down after the last test."""
    yield start.boot()
    start.shut_down()


@pytest.fixture
def scene(app: Any) -> Any:
    """slicer.mrmlScene, empty but for what is always there."""
    app.mrmlScene().Clear(False)
    return app.mrmlScene()


@pytest.fixture
def dialogs(app: Any) -> Any:
    """The dialogs of this test."""
    start.dialogs().clear()
    return start.dialogs()


@pytest.fixture
def installs(app: Any) -> Any:
    """The packages of this test."""
    start.installs().clear()
    return start.installs()


@pytest.fixture(autouse=True)
def no_uncaught(app: Any) -> Iterator[list[BaseException]]:
    """A test fails that leaves an exception in a slot; one that wants it clears the list."""
    start.uncaught().clear()
    yield start.uncaught()
    assert start.uncaught() == [], "exceptions in slots"
