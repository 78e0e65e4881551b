"""The tests that Slicer's own build runs pass here as well, run the way that Slicer runs them."""

import importlib
import sys

import pytest
import slicer.testing
from extension_files import ROOT, parts
from slicer_stand_in import close_module, open_module

_TESTS = [
    path for part in parts() for path in sorted((ROOT / part).glob("Testing/Python/*Test.py"))
]


@pytest.fixture
def module(request, scene, dialogs):
    """The module that the test is of, open as at Slicer's start; its panel is not entered."""
    file = request.param.parents[2]
    open_module(file / f"{file.name}.py", enter=False)
    yield
    close_module(file.name)


@pytest.mark.parametrize(
    ("module", "test"), [(path, path) for path in _TESTS], indirect=["module"], ids=lambda p: p.stem
)
def test_it_passes(module, test, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    slicer.testing.runUnitTest([str(test.parent)], test.stem)
    assert sys.modules.pop(test.stem).__file__ == str(test)


def test_a_failure_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "FailingCase.py").write_text(
        "import unittest\n\n\nclass FailingCase(unittest.TestCase):\n"
        "    def test_it(self):\n        self.fail()\n",
        encoding="utf-8",
    )
    importlib.invalidate_caches()
    with pytest.raises(RuntimeError):
        slicer.testing.runUnitTest(str(tmp_path), "FailingCase")
