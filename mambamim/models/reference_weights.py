"""Names of the MambaMIM authors' published weights, and what ours are called."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping

from torch import Tensor

_LOG = logging.getLogger(__name__)
_FIXED = "mae.pos_embed"  # a table that ours computes for the grid at hand


def _less(number: str, by: int) -> str:
    return str(int(number) - by)


# The first pattern that fits a whole name says what it becomes.
_RULES: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (r"embeddings\.stem\.(.+)", lambda m: f"encoder.stem.{m[1]}"),
    (r"embeddings\.layer([2-5])\.(.+)", lambda m: f"encoder.stages.{_less(m[1], 2)}.{m[2]}"),
    (r"embeddings\.expend([1-4])\.(.+)", lambda m: f"encoder.expand.{_less(m[1], 1)}.{m[2]}"),
    (r"embeddings\.encoder([1-4])\.(.+)", lambda m: f"encoder.skips.{_less(m[1], 1)}.{m[2]}"),
    (r"mae\.(blocks\.\d+\.mamba)\.A_b_log", lambda m: f"stage.{m[1]}.back.A_log"),
    (r"mae\.(blocks\.\d+\.mamba)\.D_b", lambda m: f"stage.{m[1]}.back.D"),
    (r"mae\.(blocks\.\d+\.mamba)\.(A_log|D)", lambda m: f"stage.{m[1]}.ahead.{m[2]}"),
    (
        r"mae\.(blocks\.\d+\.mamba)\.(conv1d|x_proj|dt_proj)_b\.(.+)",
        lambda m: f"stage.{m[1]}.back.{m[2]}.{m[3]}",
    ),
    (
        r"mae\.(blocks\.\d+\.mamba)\.(conv1d|x_proj|dt_proj)\.(.+)",
        lambda m: f"stage.{m[1]}.ahead.{m[2]}.{m[3]}",
    ),
    (r"mae\.(blocks\.\d+\..+)", lambda m: f"stage.{m[1]}"),
    (
        r"decoder\.decoder([2-5])\.((?:transp_conv|conv_block)\..+)",
        lambda m: f"decoder.ups.{_less(m[1], 2)}.{m[2]}",
    ),
    (r"decoder\.decoder1\.(.+)", lambda m: f"decoder.last.{m[1]}"),
    (r"decoder\.out\.conv\.(.+)", lambda m: f"decoder.head.{m[1]}"),
]


def convert_reference_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the authors' `embeddings.*`, `mae.*`, `decoder.*` tensors for our "hymamba".

    An encoder's tensors alone convert as well. The prefix "module." is taken off. The fixed
    position table is dropped. A name nobody knows is kept as it is, so that loading the result
    reports it, and is logged.

    Args:
        state_dict: tensor name -> tensor.

    Returns:
        Our names -> the same tensors, not copied.
    """
    converted, unknown = {}, []
    for key, tensor in state_dict.items():
        name = key.removeprefix("module.")
        if name == _FIXED:
            continue
        ours = _rename(name)
        if ours is None:
            unknown.append(name)
        converted[ours or name] = tensor
    if unknown:
        _LOG.warning("%d tensors have no place in hymamba: %s", len(unknown), ", ".join(unknown))
    return converted


def _rename(name: str) -> str | None:
    for pattern, write in _RULES:
        if match := re.fullmatch(pattern, name):
            return write(match)
    return None
