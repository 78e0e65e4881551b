"""`mambamim worker`: the same as `python -m mambamim.jobs.worker`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from mambamim.commands.parser import command_parser


def main(arguments: Sequence[str]) -> NoReturn:
    """Serve jobs until told to stop."""
    command_parser(
        "worker",
        "Read jobs as JSON lines from standard input, answer with events as JSON lines "
        "on standard output. 3D Slicer starts this; docs/jobs.md has the protocol.",
    ).parse_args(list(arguments))
    from mambamim.jobs import worker

    worker.main()
