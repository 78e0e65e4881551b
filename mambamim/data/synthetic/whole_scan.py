"""A whole scan painted over an anatomy: what a demonstration shows, not what a network learns from.

The painter and the scanner are those of the crops. The person is a more ordinary one: bent less,
all organs in their place, no mass, arms above the head, the patient on a couch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from mambamim.data.phases import Phase
from mambamim.data.synthetic.anatomy_bank import MM, Anatomy
from mambamim.data.synthetic.deformation import draw_places, look_up, planes_within, spread
from mambamim.data.synthetic.masses import draw_lesions
from mambamim.data.synthetic.materials import label_table, paint_table
from mambamim.data.synthetic.noise_bank import FreshNoise
from mambamim.data.synthetic.painted_body import fronts_of
from mambamim.data.synthetic.painting import Scene, paint_scene
from mambamim.data.synthetic.palette import draw_palette
from mambamim.data.synthetic.scanning import scan_crop
from mambamim.data.synthetic.sources import AnatomyOnDevice
from mambamim.data.synthetic.surroundings import Around, Depths
from mambamim.data.tissues import Tissue

_BENDING = 0.35  # of what crops are bent by: a whole body shows what a crop hides
_VARIETY = 0.5
_SWELLING = (Tissue.LIVER, Tissue.SPLEEN, Tissue.STOMACH, Tissue.URINARY_BLADDER)
_FAT_MM = (12.0, 30.0)
_ROUND_MM = 15.0  # hulls around bones have corners, skin has none
_AROUND = Around(arms=0.0, couch=1.0, shell_mm=(3, 4.5), shell_hu=(0, 150))
_ROOM_MM = 12.0  # more of it behind the body, where the couch is, than in front
_LONGER = 1.3  # than the scan is what is cut to where the body ends
_HU = (-1024, 3071)


@torch.no_grad()
def paint_whole(
    anatomy: Anatomy,
    seed: int,
    shape: Sequence[int],
    mm: float,
    phase: Phase | None = None,
    report: Callable[[float, str], None] = lambda fraction, message: None,
) -> tuple[np.ndarray, np.ndarray, Phase]:
    """A scan of a body with its labels.

    Args:
        anatomy: the body; without merged organs.
        seed: from 0: of the person, the phase and the scanner.
        shape: voxels along right, front and up; of planes there are fewer where the body ends.
        mm: voxel size.
        phase: None draws one.
        report: told the fraction done (0..1) before each step, and what comes; what it raises
            ends the work.

    Returns:
        (D, H, W) int16 HU, uint8 labels of `ABDOMEN_LABELS`, and the phase.
    """
    report(0.0, "bending the body")
    rng = np.random.default_rng(seed)
    source = AnatomyOnDevice.place(_rounded(anatomy), torch.device("cpu"))
    noise = FreshNoise(mm, torch.device("cpu"))
    places, centre = _draw_body(rng, source, shape, mm)
    report(0.15, "placing the organs")
    palette = draw_palette(rng, fronts_of(source, centre), places.device, phase)
    found = look_up(source.paint, places, "nearest")[0].long()
    depths = Depths(*look_up(source.distances, places, "bilinear", "border"))
    fat_mm = float(rng.uniform(*_FAT_MM))
    scene = Scene(
        torch.from_numpy(paint_table()).long()[found],
        places,
        depths,
        anatomy.extent_mm,
        mm,
        source.axis_mm - centre,
        _back_mm(depths, fat_mm, mm) + fat_mm,
        draw_lesions(rng, anatomy, centre, float(anatomy.extent_mm.max()), palette),
        _AROUND,
        level_step=0.0,
    )
    report(0.33, "painting tissues")
    painted = paint_scene(scene, palette, fat_mm, noise, rng)
    report(0.92, "scanning")
    hu = scan_crop(painted, noise, rng)
    labels = label_table()[found.numpy()]
    return hu.round_().clamp_(*_HU).numpy().astype(np.int16), labels, palette.phase


def _draw_body(
    rng: np.random.Generator, source: AnatomyOnDevice, shape: Sequence[int], mm: float
) -> tuple[Tensor, np.ndarray]:
    """Where a scan's voxels lie in the body, as `spread` has them, and its centre, (3,) mm."""
    extent = source.extent_mm
    rows = np.flatnonzero((source.distances[1] < 0).any(2).any(0).numpy())
    front = (rows[0] + rows[-1] + 1) * MM - _ROOM_MM  # a row of distances is two of the map
    centre = np.array([source.axis_mm[0], front, extent[2] / 2])
    organs = [source.body.points[o] for o in _SWELLING if o in source.body.points]
    longer = (*shape[:2], round(shape[2] * _LONGER))
    nodes = draw_places(rng, centre, longer, mm, organs, _BENDING, _VARIETY)
    low, high = planes_within(nodes, extent[2], longer[2])
    low = max(low, high - shape[2])
    return spread(nodes, extent, longer)[..., low:high].contiguous(), centre


def _rounded(anatomy: Anatomy) -> Anatomy:
    """With a smoother skin."""
    belly, trunk, bone = anatomy.distances
    smooth = gaussian_filter(trunk.astype(np.float32), _ROUND_MM / (2 * MM))
    return replace(anatomy, distances=np.stack([belly, np.rint(smooth).astype(np.int8), bone]))


def _back_mm(depths: Depths, fat_mm: float, mm: float) -> float:
    """Where the skin lies farthest behind, mm in front of the crop's centre."""
    rows = (depths.trunk < fat_mm).any(2).any(0)
    first = int(rows.int().argmax())
    return (first - (len(rows) - 1) / 2) * mm
