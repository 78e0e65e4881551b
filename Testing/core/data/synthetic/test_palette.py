"""Looks of a person: HU by phase, gas where it belongs."""

import numpy as np
import pytest
import torch

from mambamim.data.phases import Phase
from mambamim.data.synthetic.materials import Material
from mambamim.data.synthetic.palette import NEVER, Row, draw_palette
from mambamim.data.tissues import HOLLOW, Tissue

LIVER = {
    Phase.UNENHANCED: 54,
    Phase.ARTERIAL: 72,
    Phase.PORTAL: 105,
    Phase.DELAYED: 90,
}


def palettes(phase, count=60):
    rng = np.random.default_rng(0)
    return [draw_palette(rng, {}, torch.device("cpu"), phase) for _ in range(count)]


@pytest.mark.parametrize("phase", Phase)
def test_livers_are_as_bright_as_the_phase_says(phase):
    drawn = np.array([p.hu[Tissue.LIVER] for p in palettes(phase)])
    assert np.median(drawn) == pytest.approx(LIVER[phase], abs=8)
    assert drawn.min() > -60
    assert drawn.max() < 190


def test_arteries_are_brightest_in_the_arterial_phase():
    medians = [np.median([p.hu[Tissue.AORTA] for p in palettes(phase)]) for phase in Phase]
    assert np.argmax(medians) == list(Phase).index(Phase.ARTERIAL)
    assert medians[0] < 60


def test_only_hollow_organs_have_gas():
    gas = torch.stack([p.rows[Row.GAS] for p in palettes(None)]) < NEVER
    holders = set(gas.any(0).nonzero().flatten().tolist())
    assert holders <= {int(organ) for organ in HOLLOW}
    assert Tissue.COLON in holders


def test_airways_are_air():
    assert all(p.hu[Material.AIRWAY] < -900 for p in palettes(None))


def test_only_some_colons_hold_stool_with_bubbles():
    bubbles = torch.stack([p.rows[Row.BUBBLES] for p in palettes(None)]) < NEVER
    assert bubbles[:, Tissue.COLON].any()
    assert not bubbles[:, Tissue.COLON].all()
    bubbles[:, Tissue.COLON] = False
    assert not bubbles.any()
