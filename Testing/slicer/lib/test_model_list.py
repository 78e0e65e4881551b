import dataclasses
from pathlib import Path

from model_files import write_model
from reconstruction_files import write_pretrained

from mambamim.catalogue import ModelEntry
from MambaMIMLib import ModelList

_CT = ModelEntry(
    "abdomen-small",
    title="Abdominal organs",
    path=Path("a.safetensors"),
    origin="built-in",
    modality="CT",
    labels={1: "liver", 2: "inferior_vena_cava"},
    licence="CC-BY-4.0",
)
_MR = dataclasses.replace(_CT, name="hippocampus", modality="MR", title="", labels={1: "hippo"})
_ENCODER = dataclasses.replace(_CT, name="mim", kind="pretraining")
_BROKEN = ModelEntry("broken", path=Path("b.safetensors"), problem="b.safetensors is empty.")


def test_only_what_fits_is_listed_and_broken_files_come_last(app):
    everything = [_BROKEN, _CT, _MR, _ENCODER]
    assert ModelList.fitting(everything, ("segmentation",)) == [_CT, _MR, _BROKEN]
    assert ModelList.fitting(everything, ("segmentation",), "CT") == [_CT, _BROKEN]
    assert ModelList.fitting(everything, ("pretraining",)) == [_ENCODER, _BROKEN]


def test_search_finds_names_titles_and_classes(app):
    for search in ("", "ABDOMEN", "vena cava", "inferior_vena", "ct organs", "cc-by"):
        assert ModelList.matches(_CT, search), search
    assert not ModelList.matches(_CT, "vena femur")
    assert not ModelList.matches(_MR, "liver")


def test_the_grey_line(app):
    assert ModelList.summary(_CT) == "CT \u00b7 2 classes \u00b7 CC-BY-4.0"
    timed = dataclasses.replace(_CT, measured_seconds={"cpu torch": 41.9, "cpu openvino": 230.0})
    assert ModelList.summary(timed).endswith("\u00b7 about 40 s here")
    assert ModelList.summary(_ENCODER).startswith("CT \u00b7 encoder")
    assert "1 class \u00b7" in ModelList.summary(_MR)
    assert ModelList.summary(_BROKEN) == "b.safetensors is empty."
    assert ModelList.summary(dataclasses.replace(_CT, path=None)) == "Not on this computer"
    own = dataclasses.replace(_CT, name="second", origin="user")
    assert ModelList.summary(own).startswith("second \u00b7 CT")


def test_a_pretrained_model_says_what_it_holds(app, tmp_path):
    whole = write_pretrained(tmp_path / "a.safetensors")
    bare = write_pretrained(tmp_path / "b.safetensors", pretraining={})
    told = [ModelList.summary(dataclasses.replace(_ENCODER, path=p)) for p in (whole, bare)]
    assert [text.split(" \u00b7 ")[1] for text in told] == ["encoder and decoder", "encoder"]


def test_details_tell_what_the_file_says(app, tmp_path):
    path = write_model(
        tmp_path / "mine.safetensors",
        description="Weak in <small> things.",
        training={"data": [{"name": "BTCV", "licence": "CC-BY-4.0"}]},
    )
    entry = dataclasses.replace(_CT, path=path, labels={1: "liver", 2: "spleen"})
    text = ModelList.details(entry)
    for part in ("Weak in &lt;small&gt; things.", "Liver, Spleen", "BTCV (CC-BY-4.0)", "1.5 x 1.5"):
        assert part in text
    path.unlink()
    assert "There is no checkpoint mine.safetensors" in ModelList.details(entry)
    assert "is empty" in ModelList.details(_BROKEN)
