import sys
from pathlib import Path

_HERE = Path(__file__).parent
# What a module file does in Slicer for the packages beside it, and what this folder's tests share.
for _folder in (_HERE.parents[1], _HERE / "support"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from slicer_stand_in.fixtures import *  # noqa: E402, F403
