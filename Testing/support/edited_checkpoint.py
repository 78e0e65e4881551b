"""Checkpoints that are sound but for their header."""

import json
import struct
from pathlib import Path


def edited(path: Path, into: Path, **fields) -> Path:
    """A copy of a checkpoint with header fields replaced, everything else sound."""
    blob = path.read_bytes()
    length = struct.unpack("<Q", blob[:8])[0]
    start = json.loads(blob[8 : 8 + length])
    header = {**json.loads(start["__metadata__"]["mambamim"]), **fields}
    start["__metadata__"]["mambamim"] = json.dumps(header)
    text = json.dumps(start).encode()
    into.write_bytes(struct.pack("<Q", len(text)) + text + blob[8 + length :])
    return into
