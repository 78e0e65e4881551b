import json
import re

import pytest
import torch

from mambamim.checkpoints import load_checkpoint
from mambamim.cli import main
from mambamim.conversion import convert_weights
from mambamim.errors import CheckpointError
from mambamim.models import build_model

# Our names -> the authors', the way back of what the conversion does.
BACK = [
    (r"encoder\.stem\.", lambda m: "embeddings.stem."),
    (r"encoder\.stages\.(\d)", lambda m: f"embeddings.layer{int(m[1]) + 2}"),
    (r"encoder\.expand\.(\d)", lambda m: f"embeddings.expend{int(m[1]) + 1}"),
    (r"encoder\.skips\.(\d)", lambda m: f"embeddings.encoder{int(m[1]) + 1}"),
    (r"stage\.(.*)\.back\.A_log", lambda m: f"mae.{m[1]}.A_b_log"),
    (r"stage\.(.*)\.back\.D", lambda m: f"mae.{m[1]}.D_b"),
    (r"stage\.(.*)\.back\.(\w+)\.", lambda m: f"mae.{m[1]}.{m[2]}_b."),
    (r"stage\.(.*)\.ahead\.", lambda m: f"mae.{m[1]}."),
    (r"stage\.", lambda m: "mae."),
    (r"decoder\.ups\.(\d)", lambda m: f"decoder.decoder{int(m[1]) + 2}"),
    (r"decoder\.last", lambda m: "decoder.decoder1"),
    (r"decoder\.head", lambda m: "decoder.out.conv"),
]


def theirs(name: str) -> str:
    pattern, write = next((p, w) for p, w in BACK if re.match(p, name))
    return re.sub(f"^{pattern}", write, name)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return build_model("hymamba", in_channels=1, num_classes=3)


@pytest.fixture(scope="module")
def state(network):
    return {theirs(name): tensor for name, tensor in network.state_dict().items()}


def test_a_whole_network_keeps_every_weight(network, state, tmp_path, capsys):
    source, target = tmp_path / "theirs.pth", tmp_path / "ours.safetensors"
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, source)
    (tmp_path / "labels.json").write_text(json.dumps({"1": "liver", "2": "spleen"}))
    arguments = ["convert", source, "-o", target, "--labels", tmp_path / "labels.json"]
    assert main([*map(str, arguments), "--licence", "MIT"]) == 0
    said = capsys.readouterr().out
    assert f"{len(state)} tensors used" in said
    assert "0 tensors left out" in said
    back = load_checkpoint(target)
    assert back.labels == {1: "liver", 2: "spleen"}
    assert (back.header.kind, back.header.licence) == ("segmentation", "MIT")
    for name, tensor in network.state_dict().items():
        assert torch.equal(back.model.state_dict()[name], tensor), name


def test_an_encoder_is_kept_as_one_and_its_decoder_said_to_be_untrained(state, tmp_path, capsys):
    source, target = tmp_path / "encoder.pth", tmp_path / "ours.safetensors"
    encoder = {key: value for key, value in state.items() if not key.startswith("decoder.")}
    torch.save({**encoder, "mae.pos_embed": torch.zeros(1, 216, 384)}, source)
    assert main(["convert", str(source), "-o", str(target)]) == 0
    said = capsys.readouterr().out
    assert "  mae.pos_embed" in said
    assert "  decoder.head.weight" in said
    header = load_checkpoint(target).header
    assert (header.kind, header.labels, header.num_classes) == ("pretraining", {}, 14)
    assert header.training["tensors_left_out"] == ["mae.pos_embed"]
    assert "decoder.head.weight" in header.training["untrained"]


def test_what_does_not_fit_is_refused_by_name(state, tmp_path):
    with pytest.raises(CheckpointError, match=r"Nothing in x\.pth fits"):
        convert_weights({"conv.weight": torch.zeros(3)}, "x.pth")
    bent = {**state, "embeddings.layer2.0.conv1.weight": torch.zeros(3)}
    with pytest.raises(CheckpointError, match=r"x\.pth.*layer2"):
        convert_weights(bent, "x.pth")


def test_labels_that_do_not_fit_are_refused_and_nothing_is_written(state, tmp_path):
    source, target = tmp_path / "theirs.pth", tmp_path / "ours.safetensors"
    labels = tmp_path / "labels.json"
    torch.save(state, source)
    for text in ("[", "[1]", '{"one": "liver"}', '{"7": "liver"}'):
        labels.write_text(text)
        arguments = ["convert", str(source), "-o", str(target), "--labels", str(labels)]
        assert main(arguments) == 2
    assert not target.exists()
