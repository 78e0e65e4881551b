from pathlib import Path

import pytest

from mambamim.data.presets import PRESETS, PresetCase, SplitRule
from mambamim.errors import BadInputError


def drawn(count: int) -> list[PresetCase]:
    return [PresetCase(f"case_{n}", (Path("i"),), Path("l")) for n in range(count)]


def test_folds_validate_each_case_once():
    rule = PRESETS["btcv"].split_rule
    cases = drawn(30)
    validated = [case for fold in range(5) for case in rule.apply(cases, fold)["validation"]]
    assert len(validated) == 30
    assert set(validated) == set(cases)
    assert all(len(rule.apply(cases, fold)["validation"]) == 6 for fold in range(5))


def test_the_counts_of_the_paper_come_out():
    for name, validated in {"brats21": 251, "kits23": 98, "ct_org": 28}.items():
        preset = PRESETS[name]
        parts = preset.split(drawn(preset.case_count))
        assert len(parts["validation"]) == validated
        assert len(parts["train"]) == preset.case_count - validated
        assert parts["test"] == []


def test_a_drawn_split_is_this_one():
    """Results of one computer must not be validated on another one's training cases."""
    parts = SplitRule("drawn", validation=0.2, test=0.2).apply(drawn(10))
    names = {part: [case.name for case in cases] for part, cases in parts.items()}
    assert names["validation"] == ["case_1", "case_7"]
    assert names["test"] == ["case_3", "case_5"]
    other = SplitRule("drawn", validation=0.2, test=0.2, seed=1).apply(drawn(10))
    assert other != parts


def test_splits_that_cannot_be_are_told_of():
    rule = PRESETS["btcv"].split_rule
    with pytest.raises(BadInputError, match=r"no fold 5.*last 4"):
        rule.apply(drawn(30), 5)
    with pytest.raises(BadInputError, match=r"no fold 1.*last 0"):
        PRESETS["kits23"].split(drawn(5), 1)
    with pytest.raises(BadInputError, match="4 cases cannot"):
        rule.apply(drawn(4))
    with pytest.raises(BadInputError, match="two cases case_0"):
        rule.apply([*drawn(5), *drawn(1)])
    with pytest.raises(BadInputError, match="what case_0 is for"):
        PRESETS["amos_ct"].split(drawn(3))
