"""A project of scans of two blobs."""

import pytest
from project_blobs import fill

from mambamim.project import Project


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project", ["dim", "bright"])


@pytest.fixture
def filled(project):
    return fill(project, 3)
