import sys
from pathlib import Path

# Slicer puts a module's folder on the path when it loads the module.
_MODULE = Path(__file__).parents[3] / "MambaMIMSegmenter"
if str(_MODULE) not in sys.path:
    sys.path.insert(0, str(_MODULE))
