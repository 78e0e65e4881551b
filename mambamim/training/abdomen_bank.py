"""What the abdominal model learns from, in a folder that is small enough to travel."""

from __future__ import annotations

import logging
from pathlib import Path

from mambamim.data.synthetic.anatomy_bank import LABEL_MAPS, Anatomy, read_anatomy
from mambamim.data.synthetic.real_case import RealCase, read_case
from mambamim.errors import BadInputError

logger = logging.getLogger(__name__)
_LABELLED = "ts_ct_abdomen"  # the scan whose labels are there, too


def prepare_bank(data: Path, bank: Path, unlabelled: list[tuple[str, str, Path]]) -> int:
    """Write all anatomies and labelled scans into a folder that is small enough to travel.

    Args:
        data: folder of the public label maps and the labelled scan.
        bank: where to.
        unlabelled: name, licence and file of scans that have no labels.

    Returns:
        Bytes of the bank.

    Raises:
        BadInputError: a file is absent or damaged, or two grids differ.
    """
    for name in LABEL_MAPS:
        anatomy = read_anatomy(data, name)
        anatomy.save(bank / f"anatomy-{name}.npz")
        logger.info("%s: %s voxels", name, " x ".join(map(str, anatomy.paint.shape)))
    folder = data / _LABELLED
    source = {**LABEL_MAPS[_LABELLED].source, "kind": "real"}
    cases = [read_case(_LABELLED, folder / "ct.nii.gz", folder / "label.nii.gz", source)]
    for name, licence, scan in unlabelled:
        about = {"name": name, "licence": licence, "kind": "pseudo"}
        cases.append(read_case(name, scan, None, about))
    for case in cases:
        case.save(bank / f"case-{case.name}.npz")
        logger.info("%s: %s voxels", case.name, " x ".join(map(str, case.labels.shape)))
    return sum(path.stat().st_size for path in bank.glob("*.npz"))


def load_bank(bank: Path) -> tuple[list[Anatomy], list[RealCase]]:
    """What `prepare_bank` wrote.

    Raises:
        BadInputError: there is none, or a file of it is damaged.
    """
    anatomies = [Anatomy.load(path) for path in sorted(bank.glob("anatomy-*.npz"))]
    cases = [RealCase.load(path) for path in sorted(bank.glob("case-*.npz"))]
    if not anatomies and not cases:
        raise BadInputError(f"{bank.name} holds no bank.", "Make one with `prepare`.")
    return anatomies, cases
