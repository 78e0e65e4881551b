"""`mambamim worker`: the same as `python -m mambamim.jobs.worker`."""

from __future__ import annotations

from collections.abc import Sequence

from mambamim.commands.parser import command_parser


def main(arguments: Sequence[str]) -> int:
    """Serve jobs until told to stop; returns the exit code."""
    command_parser(
        "worker",
        "Read jobs as JSON lines from standard input, answer with events as JSON lines "
        "on standard output. 3D Slicer starts this; see docs for the protocol.",
    ).parse_args(list(arguments))
    from mambamim.jobs.worker import main as serve

    return int(serve() or 0)
