"""Write and read networks: one safetensors file, weights plus a header. Nothing is ever unpickled.

The header is described in `mambamim.checkpoint_header`, which reads it without torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mambamim.checkpoint_header import (
    HEADER_KEY,
    CheckpointHeader,
    header_from_json,
    make_header,
    split_safetensors,
    unreadable,
)
from mambamim.errors import CheckpointError, MambaMIMError
from mambamim.files import atomic_path

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Checkpoint:
    """A network with what is known about it.

    Attributes:
        model: the network in evaluation mode, float32, on the CPU: of `build_model`, or a
            `MambaMIM` with its decoder where `header.pretraining` says so.
        labels: class value -> class name, background not listed.
        header: everything else.
        path: where it was read.
    """

    model: nn.Module
    labels: dict[int, str]
    header: CheckpointHeader
    path: Path


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    labels: dict[int, str],
    *,
    weights_dtype: str | None = None,
    **header: Any,
) -> CheckpointHeader:
    """Write `model` to one `.safetensors` file, whole or not at all.

    Args:
        path: where to; an existing file is replaced.
        model: a network from `build_model` (it has `.architecture`), or a `MambaMIM` around one,
            which is of the kind "pretraining".
        labels: class value (1..num_classes-1) -> class name; {} for a pre-training; with `regions`
            in the header what they are painted as, `Regions.labels`.
        weights_dtype: "float16", "bfloat16" or "float32" for the floating-point tensors; None keeps
            theirs.
        header: fields of `CheckpointHeader`; what is left out describes abdominal CT at 1.5 mm.

    Returns:
        The header as written.

    Raises:
        CheckpointError: a header field does not fit, a weight is not finite in `weights_dtype`, or
            the network does not say how to build it again.
        BadInputError: the place cannot be written to.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path.name}: a checkpoint's name ends in .safetensors.")
    if weights_dtype is not None and weights_dtype not in _DTYPES:
        raise CheckpointError(f"{path.name}: weights_dtype cannot be {weights_dtype!r}.")
    fields = {**_described(model, path.name), "terms": _terms(labels), "labels": labels, **header}
    checked = make_header(path.name, **fields)
    tensors = _tensors_of(model, _DTYPES.get(weights_dtype or ""), path.name)
    blob = safetensors.torch.save(tensors)
    start, tensors_at = split_safetensors(blob, len(blob), path.name)
    section = memoryview(blob)[tensors_at:]
    checked = dataclasses.replace(checked, sha256=hashlib.sha256(section).hexdigest())
    start["__metadata__"] = {HEADER_KEY: json.dumps(checked.to_json(), sort_keys=True)}
    text = json.dumps(start, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format wants the tensors to begin at a multiple of 8
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)))
        stream.write(text)
        stream.write(section)
    return checked


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint and build its network.

    Raises:
        CheckpointError: names the file; it is absent, empty, truncated, damaged (SHA-256 differs),
            of another kind (a pickle is never opened), or its tensors do not fit its architecture.
    """
    path = Path(path)
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    data, tensors_at = split_safetensors(blob, len(blob), path.name)
    header = header_from_json(data, path.name)
    if hashlib.sha256(memoryview(blob)[tensors_at:]).hexdigest() != header.sha256:
        raise CheckpointError(
            f"{path.name} is damaged: its weights are not those that were saved (SHA-256).",
            "Copy or download the file again.",
        )
    try:
        tensors = safetensors.torch.load(blob)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path.name} has a damaged table of tensors.") from error
    model = _build(header, path.name)
    _fill(model, tensors, path.name)
    return Checkpoint(model.eval(), dict(header.labels), header, path)


def import_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a `.pth` file without running anything that is in it.

    Wrappers such as `{"state_dict": ...}` or `{"model": ...}` and the prefix "module." are taken
    off.

    Returns:
        Tensor name -> tensor on the CPU.

    Raises:
        CheckpointError: absent, not made by torch, or holding more than tensors and plain values.
    """
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise unreadable(path, error) from error
    except (
        Exception
    ) as error:  # torch and the unpickler raise nearly every kind of error on foreign bytes
        raise CheckpointError(
            f"{path.name} cannot be read as a file of weights.",
            "It must be a torch file of tensors and plain values only; anything else is never run.",
        ) from error
    return _unwrap(content, path.name)


def _unwrap(content: Any, where: str) -> dict[str, Tensor]:
    for _ in range(4):  # wrappers nest: {"network": {"state_dict": {...}}}
        if not isinstance(content, dict):
            break
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return {key.removeprefix("module."): value for key, value in tensors.items()}
        inner = [value for value in content.values() if isinstance(value, dict) and value]
        known = [content.get(key) for key in ("state_dict", "model", "network", "module")]
        content = next((value for value in [*known, *inner] if isinstance(value, dict)), None)
    raise CheckpointError(f"{where} holds no tensors.", "Give a file with a network's state dict.")


def _described(model: nn.Module, where: str) -> dict[str, Any]:
    """The header fields that the network itself tells."""
    from mambamim.pretraining import MambaMIM

    architecture = getattr(model, "architecture", None)
    if not architecture:
        raise CheckpointError(
            f"{where}: the network does not say how to build it again.",
            "Save networks of build_model, or a MambaMIM around one.",
        )
    fields = {"name": architecture["name"], "architecture": dict(architecture)}
    if isinstance(model, MambaMIM):
        size = [model.image_size] * 3
        fields |= {"kind": "pretraining", "pretraining": model.options, "patch_size": size}
    return fields


def _terms(labels: dict[int, str]) -> dict[str, dict[str, Any]]:
    from mambamim.catalogue.terminology import term

    return {name: dataclasses.asdict(term(name)) for name in labels.values()}


def _tensors_of(model: nn.Module, dtype: torch.dtype | None, where: str) -> dict[str, Tensor]:
    tensors = {}
    for key, tensor in model.state_dict().items():
        stored = tensor.detach().cpu()
        if stored.is_floating_point():
            stored = stored.to(dtype or stored.dtype)
            if not torch.isfinite(stored).all():
                raise CheckpointError(f"{where}: the tensor {key} is not finite as {stored.dtype}.")
        tensors[key] = stored.clone().contiguous()  # safetensors refuses tensors that share memory
    return tensors


def _build(header: CheckpointHeader, where: str) -> nn.Module:
    from mambamim.models import build_model
    from mambamim.pretraining import MambaMIM

    field = "architecture"
    try:
        # Building draws random numbers; loading must not disturb the caller's.
        with torch.random.fork_rng(devices=[]):
            network = build_model(**header.architecture)
            if not header.pretraining:
                return network
            field = "pretraining"
            return MambaMIM(network, **header.pretraining)
    except (MambaMIMError, TypeError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{where}: the header field '{field}' describes no network known here: {error}"
        ) from error


def _fill(model: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Put `tensors` into `model`; stored half precision becomes the network's float32."""
    own = model.state_dict()
    faults = [f"the tensor {key} is missing" for key in own if key not in tensors]
    faults += [f"it has no tensor {key}" for key in tensors if key not in own]
    for key in [key for key in own if key in tensors]:
        found, due = tensors[key], own[key]
        if found.shape != due.shape:
            faults.append(
                f"the tensor {key} is {tuple(found.shape)} where {tuple(due.shape)} is due"
            )
        elif found.is_floating_point() != due.is_floating_point():
            faults.append(f"the tensor {key} is {found.dtype} where {due.dtype} is due")
    if faults:
        raise CheckpointError(f"{where} does not fit its network: {faults[0]}.")
    model.load_state_dict(tensors)  # copies into the network's own dtypes
