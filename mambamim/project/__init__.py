"""The training set that a user gathers: a folder of labelled scans that names nobody.

Needs numpy alone, so that a program with a window fills it; docs/trainer_project.md has the format.
"""

from mambamim.project.case import ProjectCase
from mambamim.project.class_proposal import propose_class
from mambamim.project.problem import Problem
from mambamim.project.project import Project

__all__ = ["Problem", "Project", "ProjectCase", "propose_class"]
