"""Blocks of time in a thread's registers, for the Triton kernels of the selective scan.

A block of 2^LEVELS steps is a tuple of tensors, one for each step.
"""

from __future__ import annotations

from mambamim.ops.triton_launch import tl, triton


@triton.jit
def stacked(rows, LEVELS: tl.constexpr):
    """Tensors of one shape, 2^LEVELS of them, to one with LEVELS more axes, slowest first."""
    for level in tl.static_range(LEVELS - 1, -1, -1):
        joined = ()
        for k in tl.static_range(2**level):
            joined = joined + (tl.join(rows[k], rows[2**level + k]),)
        rows = joined
    return rows[0]


@triton.jit
def _columns(tile, LEVELS: tl.constexpr):
    """(CHANNELS, 2^LEVELS) to a tuple of (CHANNELS, 1)."""
    parts = (tile,)
    for level in tl.static_range(LEVELS):
        evens, odds = (), ()
        for k in tl.static_range(2**level):
            even, odd = tl.split(
                tl.reshape(parts[k], (tile.shape[0], tile.shape[1] // 2 ** (level + 1), 2))
            )
            evens, odds = evens + (even,), odds + (odd,)
        parts = evens + odds
    return parts


@triton.jit
def walked(parts, turned, BOTH: tl.constexpr):
    """From the order of memory to that of walking, or back."""
    ordered = ()
    for k in tl.static_range(len(parts)):
        part = parts[k]
        if BOTH:
            part = tl.where(turned, parts[len(parts) - 1 - k], part)
        ordered = ordered + (part,)
    return ordered


@triton.jit
def steps(x, first, there, FULL: tl.constexpr, LEVELS: tl.constexpr):
    """2^LEVELS steps from `first` on, as they lie in memory: a tuple of (CHANNELS, 1), float32.

    FULL: all of them are there, and `there` is a column.
    """
    if FULL and x.dtype.element_ty == tl.bfloat16:
        # Pairs, as one instruction makes float32 of either half: a shift, or a mask.
        at = first // 2 + tl.arange(0, 2 ** (LEVELS - 1))[None]
        pairs = tl.load(x.to(tl.pointer_type(tl.int32), bitcast=True) + at, there, other=0)
        pairs, parts = _columns(pairs, LEVELS - 1), ()
        for k in tl.static_range(2 ** (LEVELS - 1)):
            low = (pairs[k] << 16).to(tl.float32, bitcast=True)
            high = (pairs[k] & -65536).to(tl.float32, bitcast=True)
            parts = parts + (low, high)
    else:
        loaded = tl.load(x + first + tl.arange(0, 2**LEVELS)[None], there, other=0.0)
        loaded, parts = _columns(loaded, LEVELS), ()
        for k in tl.static_range(2**LEVELS):
            parts = parts + (loaded[k].to(tl.float32),)
    return parts
