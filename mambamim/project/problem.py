"""What is wrong with a case or with a whole project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: for programs, such as "empty_label".
        message: for a person.
        blocks: whether training is refused; else it is worse than it could be.
    """

    kind: str
    message: str
    blocks: bool = False
