"""How the selective scan is cut for Triton's kernels, known once for each shape.

Forward is step by step or in chunks of time, whichever is faster; backward goes through time span
by span. Sizes are those that were fastest on an H100 or H200.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from mambamim.ops import selective_scan_chunks_triton as by_chunk
from mambamim.ops import selective_scan_spans_triton as by_span
from mambamim.ops import selective_scan_steps_triton as by_step
from mambamim.ops.triton_launch import Launch

RUN, RUNS = 8, 8  # of a span backward: steps that a thread takes alone, and threads beside it
CHANNELS = 4  # of a program backward
REGISTERS = 168  # of a thread backward: more would leave too few threads to hide waiting
LONGEST_BY_STEP = 256
STEPS, STEP_CHANNELS = 8, 8  # step by step: whose loads are issued at once; of a program
CHUNK_CHANNELS = 32  # of a program by chunk, one warp
PROGRAMS = (2304, 4096)  # that fill a card, with steps of 4 bytes and of 2
SHORTEST_CHUNK = 16  # in steps
GATHERED = 64  # steps of B and C that a program puts in order


class ChunkPlan(NamedTuple):
    """Time in blocks of 2^levels steps."""

    levels: int
    blocks: int
    length: int  # of a chunk, in blocks
    chunks: int
    per_span: int  # blocks between two states that are kept
    spans: int
    gather: Launch | None
    passes: list[Launch]


class SpanPlan(NamedTuple):
    """Sizes are in numbers, not bytes."""

    spans: int
    groups: int  # of channels
    parts: int  # where in `work` parts of B's and C's gradients begin
    work: int
    gather: Launch | None
    backward: Launch
    collect: Launch


def takes_steps(L: int, inner: bool, keeps: bool) -> bool:
    """Whether forward goes step by step.

    Args:
        L: steps.
        inner: channels are innermost in memory.
        keeps: backward will need the states between spans, which are not kept then.
    """
    longest = LONGEST_BY_STEP if inner and not keeps else RUN * RUNS
    return longest >= L


@functools.lru_cache(4096)
def plan_steps(
    P: int, E: int, N: int, wants_last: bool, softplus: bool, D: bool, z: bool, bias: bool
) -> Launch:
    """For P sequences of E channels with N states; the last four as `_flags`."""
    return by_step.forward.launch(
        (-(-E // STEP_CHANNELS), P), **_flags(softplus, D, z, bias), HAS_LAST=wants_last,
        STEPS=STEPS, CHANNELS=STEP_CHANNELS, STATES=_states(N), num_warps=1,
    )  # fmt: skip


@functools.lru_cache(4096)
def plan_chunks(
    P: int, E: int, L: int, N: int, directions: int, wide: bool, paired: bool, whole: bool,
    keeps: bool, wants_last: bool, softplus: bool, D: bool, z: bool, bias: bool,
) -> ChunkPlan:  # fmt: skip
    """For P sequences of E channels with N states over L steps.

    Args:
        wide: numbers take more than 2 bytes.
        paired: two of them are whole words, see `selective_scan_triton`.
        whole: B's and C's too, and they need not be gathered.
        keeps: states between spans are kept.
        wants_last: that after the last step is.
        P, E, L, N, directions, softplus, D, z, bias: of the scan; the last as `_flags`.
    """
    levels = 2 if wide else 3  # a thread's steps of one tensor are one load of 16 bytes
    even = paired and L % 2**levels == 0
    blocks, groups = -(-L >> levels), -(-E // CHUNK_CHANNELS)
    chunks = max(1, min(PROGRAMS[levels - 2] // (P * groups), L // SHORTEST_CHUNK))
    length = -(-blocks // chunks)
    chunks = -(-blocks // length)
    per_span = RUN * RUNS >> levels if keeps else blocks
    gather = None
    if not (whole and even):
        gather = by_chunk.gather.launch(
            (-(-blocks // (GATHERED >> levels)), P), STEPS=2**levels, STATES=_states(N),
            SIZE=GATHERED,
        )  # fmt: skip
    passes, flags = [], _flags(softplus, D, z, bias)
    for final in (False, True) if chunks > 1 else (True,):
        launch = by_chunk.forward.launch(
            (groups, P, chunks if final else chunks - 1), **flags, BOTH=directions == 2,
            FINAL=final, EVEN=even, GATHERED=gather is not None, KEEPS=keeps or wants_last, N=N,
            LEVELS=levels, CHANNELS=CHUNK_CHANNELS, num_warps=1,
        )  # fmt: skip
        passes.append(launch)
    return ChunkPlan(
        levels, blocks, length, chunks, per_span, -(-blocks // per_span), gather, passes
    )


@functools.lru_cache(4096)
def plan_spans(
    P: int, E: int, L: int, N: int, inner: bool, last: bool, softplus: bool, D: bool, z: bool,
    bias: bool,
) -> SpanPlan:  # fmt: skip
    """Backward, for P sequences of E channels with N states over L steps.

    Args:
        inner: time is innermost in B and C, and they need not be gathered.
        last: the last state has a gradient.
        P, E, L, N, softplus, D, z, bias: of the scan; the last as `_flags`.
    """
    groups, spans = -(-E // CHANNELS), -(-L // (RUN * RUNS))
    parts, gather = P * E * spans * N, None
    if not inner:
        gather = by_span.gather.launch((spans, P), STEPS=RUN, RUNS=RUNS, STATES=_states(N))
    backward = by_span.backward.launch(
        (groups, P), **_flags(softplus, D, z, bias), HAS_LAST=last, GATHERED=gather is not None,
        STEPS=RUN, RUNS=RUNS, CHANNELS=CHANNELS, LEVELS=RUN.bit_length(),
        num_warps=max(1, RUNS * CHANNELS // 32), maxnreg=REGISTERS,
    )  # fmt: skip
    collect = by_span.collect.launch(
        (spans, N, P), STEPS=RUN, RUNS=RUNS, GROUPS=min(32, 4096 // (RUN * RUNS))
    )
    work = parts + P * groups * N * spans * 2 * RUN * RUNS
    return SpanPlan(spans, groups, parts, work, gather, backward, collect)


def _flags(softplus: bool, D: bool, z: bool, bias: bool) -> dict[str, bool]:
    """Whether step sizes go through softplus, and which of what may be missing is there."""
    return {"SOFTPLUS": softplus, "HAS_D": D, "HAS_Z": z, "HAS_BIAS": bias}


def _states(N: int) -> int:
    return max(2, 1 << (N - 1).bit_length())
