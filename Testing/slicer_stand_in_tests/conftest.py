from slicer_stand_in.fixtures import *  # noqa: F403
