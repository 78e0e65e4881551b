"""The painter: gas on top, cortex before medulla, lesions inside, everything by its tissue."""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from mambamim.data.painter import GAS_HU, paint
from mambamim.data.phases import Phase
from mambamim.data.tissues import HOLLOW, Tissue

MM = 3.0
SHAPE = (40, 36, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ball(tissue, radius_mm=36.0, around=Tissue.VISCERAL_FAT):
    """A ball of one tissue in the middle of another."""
    axes = [(torch.arange(n) - (n - 1) / 2) * MM for n in SHAPE]
    distance = sum(g**2 for g in torch.meshgrid(*axes, indexing="ij")).sqrt()
    return torch.where(distance < radius_mm, int(tissue), int(around)).to(torch.uint8)


def shell_and_core(mask, mm):
    """The outer `mm` of a ball, and what lies more than 2 mm deeper."""
    depth = torch.from_numpy(distance_transform_edt(mask.numpy(), sampling=MM))
    return (depth > 0) & (depth <= mm), depth > mm + 2


@pytest.mark.parametrize("organ", HOLLOW)
def test_gas_lies_in_front_of_what_else_is_inside(organ):
    """The patient lies on the back, axis 1 runs to the front."""
    tissues = ball(organ)
    with_gas = 0
    for seed in range(30):
        hu = paint(tissues, MM, generator(seed), Phase.PORTAL)
        gas = hu == GAS_HU
        assert not (gas & (tissues != organ)).any()
        if not gas.any():
            continue
        with_gas += 1
        wall, lumen = shell_and_core(tissues == organ, 1.5 * MM)  # a voxel and its diagonal
        assert not (gas & wall).any(), "gas reaches through the wall"
        # From any voxel of gas on, there is only gas towards the front.
        behind_gas = torch.cummax(gas.int(), 1).values.bool() & lumen
        assert (gas | ~behind_gas).all(), "something floats on gas"
    assert with_gas >= 2


def test_the_colon_holds_gas_more_often_than_the_duodenum():
    colon, duodenum = (
        sum(
            bool((paint(ball(organ), MM, generator(seed), Phase.PORTAL) == GAS_HU).any())
            for seed in range(30)
        )
        for organ in (Tissue.COLON, Tissue.DUODENUM)
    )
    assert colon > 15 > 2 * duodenum


def test_what_bowels_hold_differs():
    tissues = ball(Tissue.COLON)
    core = shell_and_core(tissues == Tissue.COLON, 6)[1]
    means = []
    for seed in range(30):
        hu = paint(tissues, MM, generator(seed), Phase.PORTAL)
        dense = hu[core & (hu != GAS_HU)]
        means.append(float(dense.mean()) if len(dense) else np.nan)
    assert np.nanmax(means) > 100, "never oral contrast"
    assert np.nanmin(means) < 30, "always dense"


@pytest.mark.parametrize("phase", Phase)
def test_cortex_is_much_brighter_than_medulla_early_on_only(phase):
    tissues = ball(Tissue.KIDNEY_LEFT)
    differences = []
    for seed in range(6):
        hu = paint(tissues, MM, generator(seed), phase)
        cortex, core = shell_and_core(tissues == Tissue.KIDNEY_LEFT, 6)
        differences.append(float(hu[cortex].median() - hu[core].quantile(0.2)))
    if phase is Phase.ARTERIAL:
        assert min(differences) > 30
    if phase is Phase.UNENHANCED:
        assert max(differences) < 20


def test_urine_in_the_kidney_is_bright_in_the_delayed_phase_only():
    tissues = ball(Tissue.RENAL_SINUS)
    for phase in Phase:
        brightest = paint(tissues, MM, generator(1), phase)[tissues == Tissue.RENAL_SINUS].max()
        assert (brightest > 140) == (phase is Phase.DELAYED)


def test_contrast_in_the_bladder_lies_at_the_back_in_the_delayed_phase():
    tissues = ball(Tissue.URINARY_BLADDER)
    layered = 0
    for seed in range(12):
        hu = paint(tissues, MM, generator(seed), Phase.DELAYED)
        bright = (hu > 60) & (tissues == Tissue.URINARY_BLADDER)
        if bright.any():
            layered += 1
            rest = (tissues == Tissue.URINARY_BLADDER) & ~bright
            assert bright.nonzero()[:, 1].max() < rest.nonzero()[:, 1].min()
        early = paint(tissues, MM, generator(seed), Phase.ARTERIAL)
        assert float(early[tissues == Tissue.URINARY_BLADDER].max()) < 60
    assert 2 <= layered < 12


def test_bones_are_denser_outside():
    tissues = ball(Tissue.VERTEBRAE)
    hu = paint(tissues, MM, generator(), Phase.PORTAL)
    shell, core = shell_and_core(tissues == Tissue.VERTEBRAE, 3.1)
    assert float(hu[shell].mean()) > float(hu[core].mean()) + 80


def test_lesions_are_in_some_livers_and_nowhere_else():
    """Cysts are at most 16 HU; liver tissue and its vessels in the portal phase never."""
    tissues = ball(Tissue.LIVER, around=Tissue.AIR)
    liver = tissues == Tissue.LIVER
    with_cyst = 0
    for seed in range(40):
        hu = paint(tissues, MM, generator(seed), Phase.PORTAL)
        with_cyst += bool((hu[liver] < 17).any())
        assert (hu[~liver] == -1000).all()
    assert 2 <= with_cyst <= 25


def test_outside_of_the_body_is_air_and_nothing_else():
    tissues = ball(Tissue.MUSCLE, around=Tissue.AIR)
    hu = paint(tissues, MM, generator(), Phase.PORTAL)
    assert (hu[tissues == Tissue.AIR] == -1000).all()
    assert hu.shape == SHAPE
    assert hu.dtype == torch.float32


def test_maps_that_lack_any_tissue_are_painted():
    """Real label maps may hold one organ or none."""
    for tissue in Tissue:
        tissues = torch.full((6, 6, 6), int(tissue), dtype=torch.uint8)
        for phase in Phase:
            assert torch.isfinite(paint(tissues, MM, generator(), phase)).all(), tissue


def test_seeds_decide():
    tissues = ball(Tissue.LIVER)
    hu = paint(tissues, MM, generator(3))
    assert torch.equal(hu, paint(tissues, MM, generator(3)))
    assert not torch.equal(hu, paint(tissues, MM, generator(4)))
