"""The painter: gas on top, cortex before medulla, dense shells, lesions inside their organ."""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from mambamim.data.phases import Phase
from mambamim.data.synthetic.masses import Ball
from mambamim.data.synthetic.materials import SILENT
from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.painted_body import distend
from mambamim.data.synthetic.painting import GAS_HU, Scene, paint_scene
from mambamim.data.synthetic.palette import Row, draw_palette
from mambamim.data.synthetic.surroundings import AIR_HU, Around, Depths
from mambamim.data.tissues import HOLLOW, Tissue

MM = 3.0
SHAPE = (40, 36, 32)
EXTENT = np.array(SHAPE) * MM
CPU = torch.device("cpu")
BANK = NoiseBank(SHAPE, MM, 0, CPU)
NOTHING = Around(arms=0.0, couch=0.0, shell_mm=(2, 3), shell_hu=(0, 100))


def distance(radius_mm):
    """mm from a ball's surface in the middle, negative inside."""
    axes = [(torch.arange(n) - (n - 1) / 2) * MM for n in SHAPE]
    return sum(g**2 for g in torch.meshgrid(*axes, indexing="ij")).sqrt() - radius_mm


def ball(tissue, radius_mm=36.0, around=SILENT):
    """A ball of one tissue in the middle of another."""
    return torch.where(distance(radius_mm) < 0, int(tissue), int(around))


def paint(materials, seed, phase=Phase.PORTAL, lesions=(), around=NOTHING, level_step=1.0):
    """HU, in a body that is a ball of 36 mm, and the palette."""
    rng = np.random.default_rng(seed)
    palette = draw_palette(rng, dict.fromkeys(map(int, HOLLOW), 0.0), CPU, phase)
    lines = [(torch.arange(n) + 0.5) / n * 2 - 1 for n in reversed(SHAPE)]
    places = torch.stack([g.permute(2, 1, 0) for g in torch.meshgrid(*lines, indexing="ij")])[None]
    trunk = distance(36.0)
    scene = Scene(
        materials,
        places,
        Depths(trunk + 6, trunk, torch.full(SHAPE, 99.0)),
        EXTENT,
        MM,
        np.zeros(3),
        -36.0,
        lesions,
        around,
        level_step,
    )
    return paint_scene(scene, palette, 5.0, BANK, rng).float(), palette


def shell_and_core(mask, mm):
    """The outer `mm` of a ball, and what is deeper than any wall: 3 voxels along a diagonal."""
    depth = torch.from_numpy(distance_transform_edt(mask.numpy(), sampling=MM))
    return (depth > 0) & (depth <= mm), depth > 3 * MM * 3**0.5


@pytest.mark.parametrize("organ", HOLLOW)
def test_gas_lies_in_front_of_what_else_is_inside(organ):
    """The patient lies on the back, axis 1 runs to the front."""
    materials = ball(organ)
    wall, lumen = shell_and_core(materials == organ, MM)
    with_gas = 0
    for seed in range(30):
        hu, palette = paint(materials, seed)
        gas = (hu == GAS_HU) & (materials == organ)
        if not gas.any():
            continue
        with_gas += 1
        assert not (gas & wall).any(), "gas reaches through the wall"
        behind_gas = torch.cummax(gas.int(), 1).values.bool() & lumen
        assert (gas | ~behind_gas).all(), "something floats on gas"
        assert float(palette.rows[Row.GAS, organ]) < 100
    assert with_gas >= 2


def test_levels_of_gas_are_one_where_steps_are_asked_away():
    materials = ball(Tissue.COLON)
    _, lumen = shell_and_core(materials == Tissue.COLON, MM)
    heights = {0.0: [], 1.0: []}
    for step, found in heights.items():
        for seed in range(20):
            hu, _ = paint(materials, seed, level_step=step)
            gas = (hu == GAS_HU) & lumen
            columns = gas.any(1) & (lumen & ~gas).any(1)
            if columns.any():
                found.append(len(gas.int().argmax(1)[columns].unique()))
    assert set(heights[0.0]) == {1}
    assert max(heights[1.0]) > 1


@pytest.mark.parametrize("phase", Phase)
def test_cortex_is_much_brighter_than_medulla_early_on_only(phase):
    materials = ball(Tissue.KIDNEY_LEFT)
    cortex, core = shell_and_core(materials == Tissue.KIDNEY_LEFT, 6)
    differences = []
    for seed in range(6):
        hu, _ = paint(materials, seed, phase)
        differences.append(float(hu[cortex].median() - hu[core].quantile(0.2)))
    if phase is Phase.ARTERIAL:
        assert min(differences) > 25
    if phase is Phase.UNENHANCED:
        assert max(differences) < 25


def test_bones_are_denser_outside():
    materials = ball(Tissue.VERTEBRAE)
    shell, core = shell_and_core(materials == Tissue.VERTEBRAE, MM)
    hu, _ = paint(materials, 0)
    assert float(hu[shell].mean()) > float(hu[core].mean()) + 80


def test_lesions_are_in_their_organ_and_nowhere_else():
    materials = ball(Tissue.LIVER, around=Tissue.SPLEEN)
    lesion = Ball(EXTENT / 2 + (30, 0, 0), np.full(3, 20.0), (Tissue.LIVER,), -400.0)
    hu, _ = paint(materials, 0, lesions=[lesion])
    assert (hu[materials == Tissue.SPLEEN] != -400).all()
    shown = (hu == -400).nonzero().float().mean(0)
    assert (hu == -400).sum() > 300
    assert float(shown[0]) * MM > EXTENT[0] / 2 + 10


def test_beside_the_body_is_what_was_asked_for():
    materials = ball(Tissue.LIVER)
    beside = distance(36.0) > 12
    assert (paint(materials, 0)[0][beside] == AIR_HU).all()
    couch = Around(arms=0.0, couch=1.0, shell_mm=(6, 6), shell_hu=(55, 55))
    found = (paint(materials, 0, around=couch)[0] == 55) & beside
    assert found.sum() > 100
    assert found.nonzero()[:, 1].max() < SHAPE[1] / 2, "in front of the body"


def test_stool_with_bubbles_holds_gas_where_the_fine_field_is_high():
    colon = ball(Tissue.COLON)
    inside = distance(20.0) < 0
    shares = {}
    for seed in range(60):
        hu, palette = paint(colon, seed)
        threshold = float(palette.rows[Row.BUBBLES, Tissue.COLON])
        if palette.rows[Row.GAS, Tissue.COLON] > 100:  # no level of gas besides
            shares[threshold] = float((hu[inside] < -180).float().mean())
    bubbly = [share for threshold, share in shares.items() if threshold < 1.0]
    assert bubbly
    assert min(bubbly) > 0.03
    assert max(share for threshold, share in shares.items() if threshold > 10) < 0.03


def test_a_distended_colon_takes_what_is_silent_and_nothing_else():
    found = ball(Tissue.COLON, 24.0)
    found[:, :, 20:] = torch.where(found[:, :, 20:] == SILENT, int(Tissue.LIVER), found[:, :, 20:])
    fuller = distend(found, 2)
    assert (found[fuller] == SILENT).all()
    grown = fuller | (found == Tissue.COLON)
    near = distance(24.0) < 2 * MM
    assert (grown | ~near | (found == Tissue.LIVER)).all()
    assert not (fuller & (distance(24.0) > 2 * MM * 1.8)).any()
