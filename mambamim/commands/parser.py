"""The argument parser that all commands share."""

from __future__ import annotations

from argparse import SUPPRESS, Action

from jsonargparse import ArgumentParser, DefaultHelpFormatter


class HelpFormatter(DefaultHelpFormatter):
    """Shows defaults, and no names of Python types."""

    def _get_help_string(self, action: Action) -> str:
        text = action.help or ""
        if action.default is None or action.default is False or action.default == SUPPRESS:
            return text
        return f"{text} (default: %(default)s)"


def command_parser(verb: str, description: str) -> ArgumentParser:
    """A parser for `mambamim VERB`, to which its arguments are added."""
    return ArgumentParser(
        prog=f"mambamim {verb}", description=description, formatter_class=HelpFormatter
    )
