"""The bar on standard error that long commands show."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

_FORM = "{desc}: {percentage:3.0f}% |{bar:24}| {postfix}, {remaining} left"


@contextlib.contextmanager
def progress_bar(name: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar while the block runs; nothing where standard error is no terminal.

    Args:
        name: what stands before it.

    Yields:
        A function to tell the fraction done (0..1) and what is being done.
    """
    with tqdm(
        total=1.0, desc=name, bar_format=_FORM, file=sys.stderr, leave=False, disable=None
    ) as bar:

        def report(fraction: float, message: str) -> None:
            bar.set_postfix_str(message, refresh=False)
            bar.update(max(0.0, fraction - bar.n))

        yield report
