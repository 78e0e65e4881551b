"""Files of models as the catalogue reads them, written without torch."""

import json
import struct
from pathlib import Path

from mambamim.checkpoint_header import HEADER_KEY, make_header

_WEIGHTS = b"\0" * 4096


def write_model(path: Path, **fields) -> Path:
    """A checkpoint whose header has these fields; its weights are those of no network."""
    defaults = {
        "name": path.stem,
        "architecture": {"name": "hymamba_small", "num_classes": 3, "in_channels": 1},
        "labels": {"1": "liver", "2": "spleen"},
        "title": "My organs",
        "licence": "CC0-1.0",
        "sha256": "0" * 64,
    }
    header = make_header(path.name, **{**defaults, **fields})
    weights = {"dtype": "U8", "shape": [len(_WEIGHTS)], "data_offsets": [0, len(_WEIGHTS)]}
    text = json.dumps(
        {"__metadata__": {HEADER_KEY: json.dumps(header.to_json())}, "weight": weights}
    ).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + _WEIGHTS)
    return path


def write_abdomen(folder):
    """A model "abdomen-test" of three organs."""
    return write_model(
        folder / "abdomen-test.safetensors",
        title="Abdomen",
        labels={"1": "liver", "2": "spleen", "3": "pancreas"},
        modality="CT",
        architecture={"name": "hymamba_small", "num_classes": 4, "in_channels": 1},
    )


def hide_shipped_models(monkeypatch):
    """None of the models that come with the extension is found."""
    monkeypatch.setattr("mambamim.catalogue.catalogue.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.folders.shipped_model_folders", list)
    monkeypatch.setattr("mambamim.catalogue.catalogue._built_in_entries", list)
