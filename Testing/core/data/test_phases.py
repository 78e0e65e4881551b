"""Brightness by phase: what a radiologist would expect of contrast."""

import pytest
import torch

from mambamim.data.phases import Phase, draw_phase
from mambamim.data.tissues import Tissue

PEOPLE = 60


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def mean_hu():
    """Phase -> HU of each tissue, mean over people."""
    return {
        phase: torch.stack([draw_phase(generator(s), phase)[1] for s in range(PEOPLE)]).mean(0)
        for phase in Phase
    }


@pytest.mark.parametrize("phase", Phase)
def test_every_tissue_is_plausible_in_everybody(phase):
    for seed in range(PEOPLE):
        _, hu = draw_phase(generator(seed), phase)
        assert hu.shape == (max(Tissue) + 1,)
        soft = [t for t in Tissue if Tissue.SPLEEN <= t < Tissue.LUNGS]
        assert float(hu[soft].min()) > -40
        assert float(hu[soft].max()) < 450
        assert hu[Tissue.AIR] == -1000
        assert -950 < hu[Tissue.LUNGS] < -750
        assert -130 < hu[Tissue.SUBCUTANEOUS_FAT] < -80
        assert 60 < hu[Tissue.BONE] < 400


def test_contrast_comes_and_goes(mean_hu):
    early, late, before = (mean_hu[p] for p in (Phase.ARTERIAL, Phase.PORTAL, Phase.UNENHANCED))
    assert early[Tissue.AORTA] > late[Tissue.AORTA] + 80 > before[Tissue.AORTA] + 150
    assert late[Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN] > early[Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN]
    assert late[Tissue.LIVER] > early[Tissue.LIVER] > before[Tissue.LIVER]
    assert early[Tissue.AORTA] > early[Tissue.INFERIOR_VENA_CAVA] + 100
    assert mean_hu[Phase.DELAYED][Tissue.AORTA] < late[Tissue.AORTA]


def test_what_contrast_does_not_reach_stays(mean_hu):
    for tissue in (Tissue.VISCERAL_FAT, Tissue.BONE, Tissue.GALLBLADDER, Tissue.URINARY_BLADDER):
        values = [float(mean_hu[phase][tissue]) for phase in Phase]
        assert max(values) - min(values) < 1e-3


def test_pairs_are_equally_bright():
    for seed in range(PEOPLE):
        _, hu = draw_phase(generator(seed), Phase.PORTAL)
        assert abs(float(hu[Tissue.KIDNEY_LEFT] - hu[Tissue.KIDNEY_RIGHT])) < 20
        assert abs(float(hu[Tissue.VESSEL_ARTERY] - hu[Tissue.AORTA])) < 20


def test_phases_are_drawn_as_often_as_hospitals_take_them():
    drawn = [draw_phase(generator(seed))[0] for seed in range(300)]
    assert set(drawn) == set(Phase)
    for rare in (Phase.ARTERIAL, Phase.DELAYED):
        for common in (Phase.PORTAL, Phase.UNENHANCED):
            assert drawn.count(rare) < drawn.count(common)


def test_a_phase_that_is_asked_for_is_given():
    for phase in Phase:
        assert draw_phase(generator(), phase)[0] is phase


def test_seeds_decide():
    hu = draw_phase(generator(3), Phase.PORTAL)[1]
    assert torch.equal(hu, draw_phase(generator(3), Phase.PORTAL)[1])
    assert not torch.equal(hu, draw_phase(generator(4), Phase.PORTAL)[1])
