"""Public data sets of the paper's experiments: what their labels are, how they lie, who is where.

`PRESETS["btcv"].find_cases(folder)` finds the cases of a data set as it is published, and
`.split(cases)` tells training, validation and test apart. One more data set is one more entry in
`published.py`.
"""

from mambamim.data.presets.case import PresetCase
from mambamim.data.presets.preset import DatasetPreset
from mambamim.data.presets.published import PRESETS
from mambamim.data.presets.split_rule import PARTS, SplitRule

__all__ = ["PARTS", "PRESETS", "DatasetPreset", "PresetCase", "SplitRule"]
