"""What names tell of channels: which files are one case's, and what a scanner made them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mambamim.data.scan_files import volume_suffix
from mambamim.errors import BadInputError

_CHANNEL = re.compile(r"(.+)_(\d{4})")
_CT_WORDS = re.compile(r"\b(CT|CTA|CBCT)\b")
_MR_WORDS = re.compile(r"\b(MR|T1|T2|PD|FLAIR|DWI|ADC|SWI)")  # the start of a word: T1w, T2-star


def channel_files(paths: Sequence[Path]) -> list[list[Path]]:
    """The files of each case, channels in order, by nnU-Net's names CASE_0000, CASE_0001, ...

    A file of another name is a case by itself.

    Raises:
        BadInputError: a case without its first channel, or with a gap.
    """
    cases: dict[str, list[tuple[int, Path]]] = {}
    for path in paths:
        name, channel, _ = case_of(path)
        cases.setdefault(name, []).append((channel, path))
    for name, found in cases.items():
        numbers = [channel for channel, _ in sorted(found)]
        if numbers != list(range(len(numbers))):
            raise BadInputError(
                f"The channels of {name} are numbered {', '.join(f'{n:04}' for n in numbers)}.",
                "They must run from 0000, each once.",
            )
    return [[path for _, path in sorted(found)] for found in cases.values()]


def case_of(path: Path) -> tuple[str, int, str]:
    """The case, channel and suffix in a file's name as nnU-Net writes them."""
    suffix = "" if path.is_dir() else volume_suffix(path) or ""
    stem = path.name[: len(path.name) - len(suffix)]
    match = _CHANNEL.fullmatch(stem)
    return (match[1], int(match[2]), suffix) if match else (stem, 0, suffix)


def modality_of(text: str) -> str | None:
    """CT or MR of what a list calls it; None where that says neither."""
    upper = text.upper()
    if _CT_WORDS.search(upper):
        return "CT"
    return "MR" if _MR_WORDS.search(upper) else None


def one_modality(names: Sequence[str]) -> str | None:
    """That of all channels of a case; None where no name tells.

    Raises:
        BadInputError: they differ, or only some tell.
    """
    kinds = {modality_of(name) for name in names} or {None}
    if len(kinds) > 1:
        raise BadInputError(
            f"The channels {', '.join(names)} are not all CT and not all MR.",
            "Channels of one case must be of one modality; name MR sequences as such (T1, FLAIR).",
        )
    return kinds.pop()
