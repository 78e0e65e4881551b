"""How bright each tissue is, by the phase of the contrast agent."""

from __future__ import annotations

from enum import Enum

import torch
from torch import Tensor

from mambamim.data.tissues import Tissue


class Phase(Enum):
    """When the scan was taken after contrast was given."""

    UNENHANCED = "unenhanced"
    ARTERIAL = "arterial"
    PORTAL = "portal"
    DELAYED = "delayed"


_SHARE = (0.36, 0.14, 0.38, 0.12)
# HU: mean and standard deviation between people, per phase in the order of `Phase`.
_TABLE: dict[Tissue, tuple[tuple[float, float], ...]] = {
    Tissue.LIVER: ((54, 9), (72, 12), (105, 18), (90, 15)),
    Tissue.SPLEEN: ((47, 6), (125, 22), (118, 16), (95, 14)),
    Tissue.KIDNEY_RIGHT: ((32, 6), (165, 35), (175, 30), (150, 30)),
    Tissue.PANCREAS: ((38, 9), (95, 18), (90, 16), (75, 12)),
    Tissue.AORTA: ((41, 6), (290, 60), (150, 28), (115, 20)),
    Tissue.INFERIOR_VENA_CAVA: ((40, 6), (75, 25), (135, 25), (112, 18)),
    Tissue.PORTAL_VEIN_AND_SPLENIC_VEIN: ((41, 6), (95, 30), (165, 24), (118, 18)),
    Tissue.STOMACH: ((38, 8), (70, 18), (80, 18), (70, 15)),  # walls of all hollow organs
    Tissue.ADRENAL_GLAND_RIGHT: ((22, 12), (65, 15), (65, 15), (60, 15)),
    Tissue.MUSCLE: ((54, 6), (60, 7), (62, 7), (62, 7)),
    Tissue.HEART: ((41, 5), (180, 45), (140, 22), (110, 18)),
    Tissue.PROSTATE: ((42, 6), (60, 12), (75, 15), (75, 15)),
}
_SAME = {  # whose row a tissue shares
    Tissue.KIDNEY_LEFT: Tissue.KIDNEY_RIGHT,
    Tissue.ADRENAL_GLAND_LEFT: Tissue.ADRENAL_GLAND_RIGHT,
    Tissue.VESSEL_ARTERY: Tissue.AORTA,
    Tissue.VESSEL_VEIN: Tissue.INFERIOR_VENA_CAVA,
    Tissue.ESOPHAGUS: Tissue.STOMACH,
    Tissue.DUODENUM: Tissue.STOMACH,
    Tissue.SMALL_BOWEL: Tissue.STOMACH,
    Tissue.COLON: Tissue.STOMACH,
}
_FIXED: dict[Tissue, tuple[float, float]] = {  # phases do not matter
    Tissue.AIR: (-1000, 0),
    Tissue.SKIN: (5, 12),
    Tissue.SUBCUTANEOUS_FAT: (-105, 6),
    Tissue.VISCERAL_FAT: (-102, 7),
    Tissue.BONE: (230, 60),
    Tissue.VERTEBRAE: (200, 55),
    Tissue.CARTILAGE: (110, 25),
    Tissue.DISC: (80, 12),
    Tissue.SPINAL_CANAL: (28, 8),
    Tissue.RENAL_SINUS: (-45, 25),
    Tissue.ASCITES: (8, 5),
    Tissue.GALLBLADDER: (9, 8),
    Tissue.URINARY_BLADDER: (6, 5),
    Tissue.LUNGS: (-855, 35),
}


def _tables() -> tuple[Tensor, Tensor]:
    """Mean and deviation, (2, tissues, phases) HU, and whose spread each tissue shares."""
    hu = torch.zeros(2, max(Tissue) + 1, len(Phase))
    row = torch.arange(max(Tissue) + 1)
    for tissue in Tissue:
        row[tissue] = _SAME.get(tissue, tissue)
        known = _TABLE.get(_SAME.get(tissue, tissue))
        hu[:, tissue] = torch.tensor(known or [_FIXED[tissue]] * len(Phase)).T
    return hu, row


_HU, _ROW = _tables()


def draw_phase(generator: torch.Generator, phase: Phase | None = None) -> tuple[Phase, Tensor]:
    """One person's brightness.

    Args:
        generator: on any device; all randomness comes from it.
        phase: None draws one.

    Returns:
        The phase and the HU of every tissue, (tissues,) float32 on the generator's device.
    """
    device = generator.device
    if phase is None:
        shares = torch.tensor(_SHARE, device=device)
        phase = list(Phase)[int(torch.multinomial(shares, 1, generator=generator))]
    mean, deviation = _HU[:, :, list(Phase).index(phase)].to(device)
    spread = torch.randn(max(Tissue) + 1, generator=generator, device=device).clamp(-2, 2)
    # Tissues that share a row share most of their spread: both kidneys are equally bright.
    hu = mean + deviation * (0.85 * spread[_ROW.to(device)] + 0.15 * spread)
    fatty = torch.rand(2, generator=generator, device=device)
    hu[Tissue.LIVER] -= (fatty[0] < 0.15) * (15 + 35 * fatty[1])
    return phase, hu
