"""How the C library hands out large buffers."""

from __future__ import annotations

import ctypes
import platform

# glibc's mallopt numbers.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT = 1 << 30


def keep_large_buffers() -> bool:
    """Let the process reuse large buffers instead of giving each back to the system.

    A network's features are buffers of some hundred MB. By default glibc maps each anew and the
    kernel clears it page by page, which is up to half the time of a 3D network on a CPU.

    Returns:
        Whether it took effect; elsewhere than with glibc nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(
        mallopt(_M_MMAP_MAX, 0)
        and mallopt(_M_TRIM_THRESHOLD, _KEPT)
        and mallopt(_M_TOP_PAD, 1 << 26)
    )
