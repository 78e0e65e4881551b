"""`mambamim doctor`: what this computer has and what will be used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mambamim.commands.parser import command_parser
from mambamim.diagnosis import diagnose


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = command_parser(
        "doctor",
        "Say what this computer has: Python, torch, devices, runtimes, scan backends, "
        "models, memory and disk.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    asked = parser.parse_args(list(arguments))
    facts = diagnose()
    if asked.json:
        print(json.dumps(facts, indent=1))
    else:
        _tell(facts)
    return 0


def _tell(facts: dict[str, Any]) -> None:
    for key, value in facts.items():
        title = key.replace("_", " ")
        if isinstance(value, dict):
            print(f"{title}:")
            for name, content in value.items():
                print(f"  {name}: {_text(content)}")
        elif isinstance(value, list):
            print(f"{title}:" + ("" if value else " none"))
            for content in value:
                print(f"  - {_text(content)}")
        else:
            print(f"{title}: {_text(value)}")


def _text(value: Any) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, dict):
        return ", ".join(f"{key} {content}" for key, content in value.items())
    return str(value)
