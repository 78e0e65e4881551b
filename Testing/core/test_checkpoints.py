import pickle
import struct
from pathlib import Path

import pytest
import torch
from edited_checkpoint import edited

from mambamim.checkpoint_header import CheckpointHeader, make_header, read_header
from mambamim.checkpoints import import_state_dict, load_checkpoint, save_checkpoint
from mambamim.errors import CheckpointError
from mambamim.models import build_model

LABELS = {1: "liver", 2: "spleen"}
ARCHITECTURE = {"name": "hymamba_small", "in_channels": 1, "num_classes": 3}


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("hymamba_small", in_channels=1, num_classes=3).eval()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.safetensors"
    save_checkpoint(path, model, LABELS, licence="CC-BY-4.0", training={"steps": 7})
    return path


def test_round_trip_keeps_network_labels_and_facts(model, saved):
    before = torch.get_rng_state()
    back = load_checkpoint(saved)
    assert torch.equal(torch.get_rng_state(), before), "loading drew the caller's random numbers"
    assert not back.model.training
    for key, tensor in model.state_dict().items():
        assert torch.equal(back.model.state_dict()[key], tensor), key
    assert back.labels == LABELS
    header = back.header
    assert (header.licence, header.training, header.kind) == (
        "CC-BY-4.0",
        {"steps": 7},
        "segmentation",
    )
    assert header.spacing_mm == (1.5, 1.5, 1.5)
    assert header.window_hu == (-175.0, 250.0)
    assert header.patch_size == (96, 96, 96)
    assert header == read_header(saved)


def test_labels_come_in_the_order_of_their_values(tmp_path):
    path = tmp_path / "m.safetensors"
    labels = {value: f"organ_{value}" for value in range(1, 12)}
    save_checkpoint(path, build_model("hymamba_small", num_classes=12), labels)
    assert list(load_checkpoint(path).labels) == list(range(1, 12))


def test_file_describes_its_classes(saved):
    term = read_header(saved).terms["liver"]
    assert len(term["colour"]) == 3
    assert term["type"][0].isdigit()


def test_half_precision_halves_the_file_and_loads_as_float32(model, saved, tmp_path):
    small = tmp_path / "half.safetensors"
    save_checkpoint(small, model, LABELS, weights_dtype="float16")
    assert small.stat().st_size < 0.6 * saved.stat().st_size
    for key, tensor in load_checkpoint(small).model.state_dict().items():
        original = model.state_dict()[key]
        assert tensor.dtype == original.dtype
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, original, rtol=1e-3, atol=1e-4)
        else:
            assert torch.equal(tensor, original)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    network = build_model(**ARCHITECTURE)
    key, tensor = next((k, t) for k, t in network.state_dict().items() if t.is_floating_point())
    tensor.view(-1)[0] = 1e6  # finite as float32, infinite as float16
    with pytest.raises(CheckpointError, match=key):
        save_checkpoint(tmp_path / "m.safetensors", network, LABELS, weights_dtype="float16")
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused_by_name(saved, tmp_path):
    data = saved.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"not a checkpoint" * 100,
        "four": data[:4],
        "halved": data[: len(data) // 2],
        "flipped": data[:-1000] + bytes(b ^ 0xFF for b in data[-1000:]),
        "one_bit": data[:-1] + bytes([data[-1] ^ 1]),
        "longer": data + b"more",
        "huge_header": struct.pack("<Q", 2**62) + data[8:],
        "bad_json": data[:8] + b"{" * (len(data) - 8),
        "deep_json": struct.pack("<Q", 100_000) + b'{"a":' * 20_000,
    }
    for name, content in damaged.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=path.name):
            load_checkpoint(path)


def test_absent_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match=path.name):
            load_checkpoint(path)
        with pytest.raises(CheckpointError, match=path.name):
            read_header(path)
    assert not list(tmp_path.iterdir())


def test_nothing_in_a_pickle_is_run(tmp_path):
    mark = tmp_path / "went off"
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps(Bomb(mark)))
    torch.save(Bomb(mark), tmp_path / "official.pth")
    torch.save(Bomb(mark), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("pickle.safetensors", "official.pth", "old.pth"):
        with pytest.raises(CheckpointError, match=name) as caught:
            load_checkpoint(tmp_path / name)
        assert "convert" in caught.value.hint
        with pytest.raises(CheckpointError, match=name):
            import_state_dict(tmp_path / name)
    assert not mark.exists()


def test_another_programs_safetensors_is_refused(tmp_path):
    import safetensors.torch

    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="another program"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format_version", 2),
        ("format_version", True),
        ("kind", "poem"),
        ("name", "../up"),
        ("labels", {"3": "liver"}),
        ("labels", {"0": "liver"}),
        ("labels", {"one": "liver"}),
        ("labels", {"1": "liver", "2": "liver"}),
        ("labels", {}),
        ("labels", [1]),
        ("spacing_mm", [1.5, 1.5]),
        ("spacing_mm", [1.5, 1.5, "1.5"]),
        ("spacing_mm", [0, 1, 1]),
        ("window_hu", [250, -175]),
        ("patch_size", [96, 96, 95]),
        ("training", "much"),
        ("licence", None),
        ("sha256", "123"),
        ("terms", {"liver": {"colour": [0, 0, 256]}}),
        ("terms", {"pancreas": {}}),
        ("architecture", {"name": "hymamba_small"}),
        ("unheard_of", 1),
    ],
)
def test_a_header_field_that_does_not_fit_is_named(saved, tmp_path, field, value):
    path = edited(saved, tmp_path / "odd.safetensors", **{field: value})
    for read in (read_header, load_checkpoint):
        with pytest.raises(CheckpointError, match=rf"odd\.safetensors.*'{field}") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_missing_header_field_is_named():
    with pytest.raises(CheckpointError, match=r"x\.safetensors.*'labels' is missing"):
        CheckpointHeader.from_json(
            {"format_version": 1, "name": "a", "architecture": ARCHITECTURE}, "x.safetensors"
        )


def test_a_header_that_json_cannot_hold_is_refused():
    with pytest.raises(CheckpointError, match="JSON"):
        make_header(
            "x", name="a", architecture=ARCHITECTURE, labels=LABELS, training={"loss": float("nan")}
        )


@pytest.mark.parametrize(
    "architecture",
    [
        {"name": "hymamba_small", "in_channels": 1, "num_classes": 4},
        {"name": "no_such_net", "in_channels": 1, "num_classes": 3},
        {"name": "hymamba_small", "in_channels": 1, "num_classes": 3, "unheard_of": 1},
    ],
)
def test_weights_that_do_not_fit_their_architecture_are_refused(saved, tmp_path, architecture):
    path = edited(saved, tmp_path / "other.safetensors", architecture=architecture)
    with pytest.raises(CheckpointError, match=r"other\.safetensors.*(tensor|architecture)"):
        load_checkpoint(path)


def test_a_header_as_long_as_a_pickles_first_bytes_is_read(saved):
    blob = saved.read_bytes()
    length = struct.unpack("<Q", blob[:8])[0]
    padded = blob[8 : 8 + length].ljust(-(-length // 65536) * 65536 + 0x0480)  # "\x80\x04" first
    saved = saved.with_name("padded.safetensors")
    saved.write_bytes(struct.pack("<Q", len(padded)) + padded + blob[8 + length :])
    assert saved.read_bytes()[:2] == b"\x80\x04"
    assert load_checkpoint(saved).labels == LABELS


def test_saving_refuses_what_loading_would(model, tmp_path):
    path = tmp_path / "m.safetensors"
    for fields in ({"spacing_mm": (1, 2)}, {"unheard_of": 1}, {"weights_dtype": "int8"}):
        with pytest.raises(CheckpointError, match=path.name):
            save_checkpoint(path, model, LABELS, **fields)
    with pytest.raises(CheckpointError, match="labels"):
        save_checkpoint(path, model, {7: "liver"})
    with pytest.raises(CheckpointError, match="safetensors"):
        save_checkpoint(tmp_path / "m.pth", model, LABELS)
    assert not list(tmp_path.iterdir())


def test_state_dicts_are_found_in_their_wrappers(tmp_path):
    weight = torch.arange(3.0)
    for number, content in enumerate(
        [
            {"a.weight": weight},
            {"state_dict": {"module.a.weight": weight}, "epoch": 3},
            {"network": {"model": {"a.weight": weight}}, "optimizer": {"lr": 1.0}},
        ]
    ):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        found = import_state_dict(path)
        assert list(found) == ["a.weight"]
        assert torch.equal(found["a.weight"], weight)
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(CheckpointError, match="no tensors"):
        import_state_dict(tmp_path / "none.pth")


TUMOUR = [
    {"name": "whole", "values": [1, 2, 4], "painted": 2},
    {"name": "core", "values": [1, 4], "painted": 1},
    {"name": "enhancing", "values": [4], "painted": 4},
]
PAINTED = {2: "whole (rest)", 1: "core (rest)", 4: "enhancing"}


@pytest.fixture(scope="module")
def of_regions(tmp_path_factory):
    path = tmp_path_factory.mktemp("regions") / "r.safetensors"
    network = build_model("hymamba_small", in_channels=2, num_classes=3)
    save_checkpoint(path, network, PAINTED, regions=TUMOUR, channels=["t1", "t2"])
    return path


def test_regions_and_channels_are_kept_in_order(of_regions):
    for header in (read_header(of_regions), load_checkpoint(of_regions).header):
        assert [(r.name, r.values, r.painted) for r in header.regions] == [
            ("whole", (1, 2, 4), 2), ("core", (1, 4), 1), ("enhancing", (4,), 4)]  # fmt: skip
        assert header.labels == PAINTED
        assert (header.channels, header.in_channels) == (("t1", "t2"), 2)
        assert header.to_json()["regions"][0]["name"] == "whole"


def test_a_header_without_regions_is_as_it_was(saved):
    assert not {"regions", "channels"} & read_header(saved).to_json().keys()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"regions": TUMOUR[:2]}, "regions"),
        ({"regions": "whole"}, "regions"),
        ({"regions": [{**TUMOUR[0], "colour": 1}, *TUMOUR[1:]]}, "regions"),
        ({"regions": [{**TUMOUR[0], "values": [0, 1]}, *TUMOUR[1:]]}, "regions.values"),
        ({"regions": [{**TUMOUR[0], "painted": True}, *TUMOUR[1:]]}, "regions.painted"),
        ({"regions": TUMOUR[::-1]}, "regions"),
        ({"labels": {1: "core", 2: "whole", 4: "enhancing"}}, "labels"),
        ({"kind": "pretraining"}, "regions"),
        ({"channels": ["t1"]}, "channels"),
        ({"channels": [1, 2]}, "channels"),
        ({"channels": "t1"}, "channels"),
    ],
)
def test_regions_and_channels_that_do_not_fit_are_refused(changes, field):
    architecture = {"name": "hymamba_small", "in_channels": 2, "num_classes": 3}
    fields = {"name": "r", "architecture": architecture, "labels": PAINTED, "regions": TUMOUR,
              "channels": ["t1", "t2"]}  # fmt: skip
    assert make_header("r.safetensors", **fields).regions
    with pytest.raises(CheckpointError, match=rf"r\.safetensors: the header field '{field}'"):
        make_header("r.safetensors", **{**fields, **changes})
