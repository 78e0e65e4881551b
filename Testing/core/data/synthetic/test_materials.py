"""Label values of paint values: classes stay, merged ones leave open what they must."""

import numpy as np

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.synthetic.materials import (
    PAINTED_AS,
    SETS,
    VALUES,
    Material,
    label_table,
    paint_table,
)
from mambamim.data.tissues import TARGETS, Tissue

VALUE = {name: value for value, name in ABDOMEN_LABELS.items()}


def test_materials_go_on_where_tissues_end():
    assert min(Material) > max(Tissue)
    assert max(Material) < VALUES


def test_tissues_keep_their_class():
    table = label_table()
    for tissue in Tissue:
        assert table[tissue] == TARGETS.get(tissue, 0)


def test_merged_organs_allow_just_their_members():
    allowed = SETS.table()[label_table()]
    members = {"duodenum", "small_bowel", "colon"}
    assert set(np.flatnonzero(allowed[Material.BOWEL])) == {VALUE[name] for name in members}
    right = np.flatnonzero(allowed[Material.RENAL_PELVIS_RIGHT])
    assert set(right) == {0, VALUE["kidney_right"]}
    assert set(np.flatnonzero(allowed[Material.MASS])) == {0}


def test_every_merged_value_looks_like_a_tissue():
    table = paint_table()
    for material, tissue in PAINTED_AS.items():
        assert table[material] == tissue
