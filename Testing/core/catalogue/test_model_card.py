"""The model card: what it finds, learnt from, how it scores and where it fails."""

from pathlib import Path

import pytest

from mambamim.catalogue import list_models
from mambamim.catalogue.model_card import model_card
from mambamim.checkpoint_header import read_header


@pytest.fixture
def header():
    entry = next(entry for entry in list_models() if entry.name == "abdomen-small")
    return read_header(entry.path)


def test_a_card_has_what_a_person_must_know(header):
    card = model_card(header, Path("/models/a.safetensors"), {"cpu": 41.2})
    for words in (
        "Not for clinical use.",
        "Fails with",
        "Right kidney",
        "CC-BY-4.0",
        "synthetic CT painted over",
        "which it learnt from",
        "seen_dice_liver 0.9",
        "41 s a scan (cpu)",
        header.sha256,
    ):
        assert words in " ".join(card.split())
    assert max(map(len, card.splitlines())) <= 100


def test_every_shipped_model_has_a_card():
    for entry in list_models():
        card = model_card(read_header(entry.path), entry.path, {})
        assert "Learnt from" in card
        assert "Scores" in card
        assert f"Licence     {entry.licence}" in card
