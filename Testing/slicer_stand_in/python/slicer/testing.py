"""slicer.testing, where Slicer's own file is not at hand."""

import sys
import unittest


def exitSuccess():
    pass


def exitFailure(message=""):
    raise RuntimeError(message)


def runUnitTest(path, testname):
    """Run the tests of a Python module; `path` is the folder, or are the folders, it is in."""
    sys.path.extend([path] if isinstance(path, str) else path)
    suite = unittest.TestLoader().loadTestsFromName(testname)
    if not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful():
        exitFailure()
