"""The command line: one verb a job, each a module of `mambamim.commands` loaded when called.

Exit codes: 0 done, 1 a fault of the program, 2 bad input, 3 cancelled, 4 out of memory.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

import mambamim
from mambamim.errors import plain_error
from mambamim.memory import keep_large_buffers

VERBS = {
    "segment": "find organs in CT scans and write label maps",
    "reconstruct": "show what a pre-trained network makes of a masked scan",
    "evaluate": "score label maps, or a model, against manual labels",
    "pretrain": "pre-train a network on scans without labels",
    "finetune": "train a network on labelled cases",
    "benchmark-networks": "train several networks on the same cases and compare them",
    "models": "list the models at hand, or show one",
    "convert": "turn the authors' .pth weights into a checkpoint",
    "doctor": "say what this computer has and what will be used",
    "worker": "serve jobs over standard input and output, for 3D Slicer",
    "demo": "paint a CT, segment it and show how well that went",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = _take(arguments, "--debug") or bool(os.environ.get("MAMBAMIM_DEBUG"))
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if debug:
        logging.getLogger("matplotlib").setLevel(logging.WARNING)
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        sys.stdout.write(f"mambamim {mambamim.__version__}\n")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        return _fail(f"mambamim: there is no command '{verb}'. It knows {', '.join(VERBS)}.", 2)
    return _run(verb, rest, debug)


def entry() -> None:
    """What the `mambamim` script calls; being told to end is treated as Ctrl-C."""
    keep_large_buffers()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal of plain ASCII has no sign for +-
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())


def _run(verb: str, arguments: list[str], debug: bool) -> int:
    try:
        command = importlib.import_module(f"mambamim.commands.{verb.replace('-', '_')}")
        return int(command.main(arguments))
    except SystemExit as error:  # the argument parser's: 0 after --help, 2 for a usage error
        return error.code if isinstance(error.code, int) else 2
    except BrokenPipeError:
        # Nobody reads on, e.g. `| head`; Python flushes stdout once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        plain = plain_error(error)
        return _fail(f"mambamim {verb}: {plain}", plain.exit_code)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(message + "\n")
    return code


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {what}" for verb, what in VERBS.items())
    return (
        "usage: mambamim COMMAND [arguments]   (mambamim COMMAND --help tells them)\n\n"
        f"{verbs}\n\n"
        "Every command takes --debug, which shows where an error arose (MAMBAMIM_DEBUG=1 too).\n"
        "Exit codes: 0 done, 2 bad input, 3 cancelled, 4 out of memory.\n"
        "For research. Not a medical device.\n"
    )


def _take(arguments: list[str], flag: str) -> bool:
    found = flag in arguments
    while flag in arguments:
        arguments.remove(flag)
    return found


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
