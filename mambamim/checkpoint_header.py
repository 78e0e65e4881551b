"""What a checkpoint says about itself, readable without torch.

A checkpoint is one safetensors file: eight bytes of length (little-endian), that many bytes of
JSON, then the tensors. Under `__metadata__["mambamim"]` the JSON holds one more JSON text, the
header of this module.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mambamim import header_rules as rules
from mambamim.data.regions import Region
from mambamim.errors import CheckpointError

FORMAT_VERSION = 1
HEADER_KEY = "mambamim"
LARGEST_JSON = 32 * 1024 * 1024  # bytes; a network of thousands of tensors needs well under one MiB

_PICKLES = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HINT_DAMAGED = "Copy or download the file again."
_HINT_FOREIGN = (
    "Give a .safetensors file written by mambamim; weights in a .pth, .pt or .zip file go through "
    "`mambamim convert IN.pth -o OUT.safetensors` first."
)


@dataclass(frozen=True)
class CheckpointHeader:
    """Everything that a user of the weights has to know.

    Attributes:
        format_version: of this header; files of a newer one are refused.
        name: short name, letters, digits, `-`, `_` and `.`.
        title: one line for a person.
        description: a few sentences for a person, may be empty.
        kind: "segmentation", or "pretraining" (an encoder to start from; its classes mean nothing).
        architecture: keyword arguments of `mambamim.build_model`.
        pretraining: keyword arguments of `mambamim.MambaMIM` besides the backbone, where the file
            holds encoder and decoder of a pre-training; else empty.
        labels: class value -> class name; 0 is background and is not listed.
        regions: where the network finds regions that overlap, one a channel of its output, in the
            order in which they are painted into a label map; `labels` is what that shows of them.
        channels: names of the input channels, in order, where there are several.
        terms: class name -> title, colour (r, g, b; 0..255) and SNOMED CT codes (code, meaning).
        modality: "CT" or another DICOM modality.
        spacing_mm: voxel size the network was trained at, mm.
        window_hu: intensity window that is mapped to 0..1, HU.
        patch_size: window of the network in voxels, each a multiple of 16.
        training: facts: data with licences, steps, measured scores and on what, parents.
        licence: of the weights.
        sha256: of the tensor section of the file, hexadecimal; empty until it is saved.
    """

    name: str
    architecture: dict[str, Any]
    labels: dict[int, str]
    pretraining: dict[str, Any] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    channels: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    kind: str = "segmentation"
    terms: dict[str, dict[str, Any]] = field(default_factory=dict)
    modality: str = "CT"
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 1.5)
    window_hu: tuple[float, float] = (-175.0, 250.0)
    patch_size: tuple[int, int, int] = (96, 96, 96)
    training: dict[str, Any] = field(default_factory=dict)
    licence: str = "unspecified"
    sha256: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def num_classes(self) -> int:
        """Channels the network puts out, background included; of regions one each."""
        return int(self.architecture["num_classes"])

    @property
    def in_channels(self) -> int:
        """Channels the network takes."""
        return int(self.architecture["in_channels"])

    def to_json(self) -> dict[str, Any]:
        """The header as JSON holds it; label values become text."""
        data = dataclasses.asdict(self)
        data["labels"] = {str(value): name for value, name in sorted(self.labels.items())}
        for name in ("pretraining", "regions", "channels"):
            if not data[name]:
                del data[name]  # programs that do not know it yet read the file all the same
        return data

    @classmethod
    def from_json(cls, data: Any, where: str) -> CheckpointHeader:
        """Check every field of `data` and make the header of it.

        Args:
            data: what JSON gave.
            where: the file's name, for messages.

        Raises:
            CheckpointError: names `where` and the first field that does not fit.
        """
        try:
            if not isinstance(data, dict):
                raise rules.MisfitError("(all)", "must be a JSON object")
            version = rules.integer("format_version", data.get("format_version"), low=1)
            if version > FORMAT_VERSION:
                raise rules.MisfitError(
                    "format_version", f"is {version}, newer than the {FORMAT_VERSION} known here"
                )
            known = {f.name for f in dataclasses.fields(cls)}
            for key in data:
                if key not in known:
                    raise rules.MisfitError(str(key), "is unknown")
            for key in ("name", "architecture", "labels"):
                if key not in data:
                    raise rules.MisfitError(key, "is missing")
            return cls(**rules.check_fields(data))
        except rules.MisfitError as misfit:
            hint = "Update mambamim." if misfit.field == "format_version" else ""
            raise CheckpointError(
                f"{where}: the header field '{misfit.field}' {misfit.fault}.", hint
            ) from None


def make_header(where: str, **fields: Any) -> CheckpointHeader:
    """A checked header from Python values; what is left out describes abdominal CT at 1.5 mm.

    Raises:
        CheckpointError: names `where` and the field that does not fit.
    """
    try:
        data = json.loads(json.dumps({"format_version": FORMAT_VERSION, **fields}, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: the header cannot be stored as JSON: {error}.") from error
    return CheckpointHeader.from_json(data, where)


def split_safetensors(start: bytes, file_size: int, where: str) -> tuple[dict[str, Any], int]:
    """Parse the JSON at the start of a safetensors file.

    Args:
        start: the file's bytes from its beginning, at least as far as the JSON reaches.
        file_size: size of the whole file in bytes.
        where: the file's name, for messages.

    Returns:
        The JSON object, and the offset in bytes at which the tensors begin.

    Raises:
        CheckpointError: empty, truncated, of another kind, or damaged.
    """
    if file_size == 0:
        raise CheckpointError(f"{where} is empty.", _HINT_DAMAGED)
    length = struct.unpack("<Q", start[:8])[0] if len(start) >= 8 else 0
    if not 2 <= length <= LARGEST_JSON or start[8:9] not in (b"{", b""):
        # A length may by chance begin as a pickle does, so this is looked at only now.
        kind = "a pickle or zip file, never loaded" if start[:2] in _PICKLES else "no checkpoint"
        raise CheckpointError(f"{where} is {kind}.", _HINT_FOREIGN)
    if 8 + length > file_size:
        raise CheckpointError(f"{where} is truncated: it ends inside its header.", _HINT_DAMAGED)
    try:
        data = json.loads(start[8 : 8 + length].decode("utf-8"))
        ends = [entry["data_offsets"][1] for key, entry in data.items() if key != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"{where} has a damaged header.", _HINT_DAMAGED) from error
    if expected != file_size:
        fault = "is truncated" if expected > file_size else "has bytes after its end"
        raise CheckpointError(
            f"{where} {fault}: {file_size} bytes where {expected} are due.", _HINT_DAMAGED
        )
    return data, 8 + length


def header_from_json(data: dict[str, Any], where: str) -> CheckpointHeader:
    """The header inside the JSON of a safetensors file.

    Raises:
        CheckpointError: another program's file, or a header that does not fit.
    """
    metadata = data.get("__metadata__")
    text = metadata.get(HEADER_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise CheckpointError(
            f"{where} is a safetensors file of another program: it has no '{HEADER_KEY}' header.",
            "Give a checkpoint written by mambamim.",
        )
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} has a damaged header.", _HINT_DAMAGED) from error
    return CheckpointHeader.from_json(inner, where)


def read_header(path: str | Path) -> CheckpointHeader:
    """Read a checkpoint's header and nothing of its tensors; needs no torch.

    Raises:
        CheckpointError: names the file and what is wrong with it.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(8)
            if len(start) == 8:
                start += stream.read(min(struct.unpack("<Q", start)[0], LARGEST_JSON))
    except OSError as error:
        raise unreadable(path, error) from error
    data, _ = split_safetensors(start, size, path.name)
    return header_from_json(data, path.name)


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """The error for a checkpoint that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return CheckpointError(
            f"There is no checkpoint {path.name}.", "`mambamim models` lists those at hand."
        )
    reason = "it is a folder" if path.is_dir() else error.strerror or type(error).__name__
    return CheckpointError(f"{path.name} cannot be read: {reason}.")
