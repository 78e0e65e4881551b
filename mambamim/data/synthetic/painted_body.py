"""A crop of an anatomy: what it holds, painted, and its labels."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.data.synthetic.anatomy_bank import MM
from mambamim.data.synthetic.deformation import look_up
from mambamim.data.synthetic.masses import draw_lesions, draw_masses, within
from mambamim.data.synthetic.materials import (
    PAINTED_AS,
    SILENT,
    VALUES,
    Material,
    label_table,
    paint_table,
)
from mambamim.data.synthetic.noise_bank import NoiseBank
from mambamim.data.synthetic.painting import Scene, paint_scene
from mambamim.data.synthetic.palette import draw_palette
from mambamim.data.synthetic.sources import AnatomyOnDevice
from mambamim.data.synthetic.surroundings import Depths, draw_fat_mm
from mambamim.data.tissues import HOLLOW, TARGETS, Tissue

_UNDER_MM = -3.0  # to the trunk's hull: masses stay in the body
_DISTENDED = 0.3  # of the colons; those of the maps are all rather empty
_REMOVED = {  # operated on
    Tissue.GALLBLADDER: 0.1,
    Tissue.SPLEEN: 0.02,
    Tissue.KIDNEY_RIGHT: 0.02,
    Tissue.KIDNEY_LEFT: 0.02,
}


def paint_body(
    source: AnatomyOnDevice,
    places: Tensor,
    factor: int,
    centre_mm: np.ndarray,
    bank: NoiseBank,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """A crop of a body.

    Args:
        source: the body.
        places: of `spread`, for voxels of 1.5 mm.
        factor: voxels of 1.5 mm a voxel of the labels.
        centre_mm: (3,), the crop's centre in the body.
        bank: of noise.
        rng: of all that is drawn.

    Returns:
        (D, H, W) HU at 1.5 mm, and int64 labels at `factor` times that.
    """
    body = source.body
    masses = draw_masses(rng, body)
    tables = torch.from_numpy(np.stack(_tables(rng, bool(masses)))).long().to(places.device)
    found = look_up(source.paint, places, "nearest")[0].long()
    coarse = found
    if factor > 1:
        coarse = look_up(source.paint, F.avg_pool3d(places, factor), "nearest")[0].long()
    materials, label = tables[0][found], tables[1][coarse]
    depths = Depths(*look_up(source.distances, places, "bilinear", "border"))
    if rng.random() < _DISTENDED:
        fuller = distend(found, int(rng.integers(1, 6))) & (depths.trunk < _UNDER_MM)
        materials = materials.masked_fill(fuller, int(Tissue.COLON))
        label = label.masked_fill(_coarser(fuller, factor), TARGETS[Tissue.COLON])
    rough = 0.12 * bank.smooth(28, materials.shape, rng)
    for ball in masses:
        inside = within(places, body.extent_mm, ball, rough) & _any(found, ball.organs)
        inside &= depths.trunk < _UNDER_MM
        materials = materials.masked_fill(inside, int(Material.MASS))
        label = label.masked_fill(_coarser(inside, factor), 0)
    palette = draw_palette(rng, fronts_of(source, centre_mm), places.device)
    reach = max(places.shape[2:]) * MM * 0.75
    scene = Scene(
        materials,
        places,
        depths,
        body.extent_mm,
        MM,
        source.axis_mm - centre_mm,
        source.back_mm - float(centre_mm[1]),
        draw_lesions(rng, body, centre_mm, reach, palette),
    )
    return paint_scene(scene, palette, draw_fat_mm(rng), bank, rng), label


def _tables(rng: np.random.Generator, masses: bool) -> tuple[np.ndarray, np.ndarray]:
    """Looks and class of every value of the map in this person, (VALUES,) each."""
    looks, classes = paint_table(), label_table()
    looks[Material.BOWEL] = (Tissue.COLON, Tissue.SMALL_BOWEL)[int(rng.random() < 0.5)]
    for organ, chance in _REMOVED.items():
        if rng.random() < chance:
            looks[organ], classes[organ] = SILENT, 0
    if masses:  # mostly a uterus
        looks[Tissue.PROSTATE] = SILENT
    return looks, classes


def distend(found: Tensor, voxels: int) -> Tensor:
    """Where a colon that is wider by so many voxels lies in what is silent, (D, H, W) bool."""
    kind = torch.float16 if found.is_cuda else torch.float32
    near = (found == Tissue.COLON)[None, None].to(kind)
    for _ in range(voxels):
        near = F.max_pool3d(near, 3, 1, 1)
    return (near[0, 0] > 0) & (found == SILENT)


def _middle(source: AnatomyOnDevice, organ: Tissue) -> np.ndarray | None:
    """Where an organ lies, whatever the map calls it."""
    names = [organ, *(m for m, tissue in PAINTED_AS.items() if tissue is organ)]
    if organ is Tissue.SMALL_BOWEL:
        names.append(Material.BOWEL)
    middles = (source.body.centre(name) for name in names)
    return next((m for m in middles if m is not None), None)


def fronts_of(source: AnatomyOnDevice, centre_mm: np.ndarray) -> dict[int, float]:
    """How far each hollow organ lies in front of a crop's centre, mm."""
    middles = {int(organ): _middle(source, organ) for organ in HOLLOW}
    return {o: float(m[1] - centre_mm[1]) for o, m in middles.items() if m is not None}


def _coarser(mask: Tensor, factor: int) -> Tensor:
    """A mask on voxels `factor` times as long: where it fills more than half of one."""
    if factor == 1:
        return mask
    return F.avg_pool3d(mask[None, None].float(), factor)[0, 0] > 0.5


def _any(values: Tensor, names: tuple[int, ...]) -> Tensor:
    table = torch.zeros(VALUES, dtype=torch.bool)
    table[list(names)] = True
    return table.to(values.device, non_blocking=True)[values]
