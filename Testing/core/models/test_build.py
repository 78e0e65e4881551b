import json

import pytest
import torch
from tiny_networks import TINY
from torch.utils.flop_counter import FlopCounterMode

from mambamim.errors import BadInputError
from mambamim.models import build_model, model_names
from mambamim.ops.scan_order import SCAN_KINDS

# The big ones in miniature: the same wiring in a second.


@pytest.mark.parametrize("name", list(TINY))
def test_odd_multiples_of_sixteen_and_any_channels(name: str) -> None:
    model = build_model(name, in_channels=2, num_classes=3, scan="hilbert", **TINY[name])
    for shape in ((32, 48, 16), (16, 16, 80)):
        with torch.no_grad():
            assert model(torch.rand(2, 2, *shape)).shape == (2, 3, *shape)


@pytest.mark.parametrize("name", list(TINY))
def test_every_trained_parameter_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, **TINY[name]).train()
    model(torch.rand(2, 1, 32, 32, 32)).square().mean().backward()
    silent = [
        n
        for n, p in model.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert silent == []
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert all(".mamba.back." in n for n in frozen)
    assert bool(frozen) is (name == "hymamba")


@pytest.mark.parametrize("name", list(TINY))
@torch.no_grad()
def test_architecture_builds_the_same_network_again(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, num_classes=4, scan="shuffle", **TINY[name]).eval()
    again = build_model(**json.loads(json.dumps(model.architecture))).eval()
    assert again.architecture == model.architecture
    again.load_state_dict(model.state_dict())
    x = torch.rand(1, 1, 32, 32, 32)
    assert torch.equal(again(x), model(x))


@pytest.mark.parametrize("name", sorted(set(TINY) - {"hymamba_cnn"}))  # it has no sequence
@torch.no_grad()
def test_scan_order_is_heard(name: str) -> None:
    x = torch.rand(1, 1, 32, 32, 32)
    outputs, state = [], None
    for scan in SCAN_KINDS:
        model = build_model(name, num_classes=2, scan=scan, **TINY[name]).eval()
        state = state or model.state_dict()
        model.load_state_dict(state)
        outputs.append(model(x))
    assert all(not torch.equal(outputs[0], other) for other in outputs[1:])


@pytest.mark.parametrize("name", list(TINY))
def test_encoders_tell_the_widths_of_their_features(name: str) -> None:
    model = build_model(name, **TINY[name])
    features = model.encoder(torch.rand(1, 1, 32, 32, 32))
    assert tuple(f.shape[1] for f in features) == tuple(model.encoder.channels)
    assert features[-1].shape[2:] == (2, 2, 2)
    if name != "vanilla_mamba":
        assert [32 // f.shape[2] for f in features] == [1, 2, 4, 8, 16]


def test_all_sizes_are_listed() -> None:
    assert set(model_names()) == set(TINY)


def test_bad_input_is_named() -> None:
    model = build_model("hymamba_small", **TINY["hymamba_small"])
    with pytest.raises(BadInputError, match=r"\(32, 30, 32\)"):
        model(torch.rand(1, 1, 32, 30, 32))
    with pytest.raises(BadInputError, match=r"\(1, 2, 32, 32, 32\)"):
        model(torch.rand(1, 2, 32, 32, 32))
    with pytest.raises(BadInputError, match="hymamba_huge"):
        build_model("hymamba_huge")
    with pytest.raises(BadInputError, match="wings"):
        build_model("hymamba_small", wings=2)
    with pytest.raises(BadInputError, match="spiral"):
        build_model("hymamba_small", scan="spiral")
    with pytest.raises(BadInputError, match="0"):
        build_model("hymamba_small", num_classes=0)


def test_hymamba_small_is_small() -> None:
    work = {}
    for name in ("hymamba", "hymamba_small"):
        with torch.device("meta"):
            model = build_model(name, num_classes=14)
            volume = torch.empty(1, 1, 96, 96, 96)
        with FlopCounterMode(display=False) as counter:
            model(volume)
        work[name] = counter.get_total_flops()
    assert work["hymamba_small"] * 12 <= work["hymamba"]
    sizes = [p.numel() for p in build_model("hymamba_small", num_classes=21).parameters()]
    assert 2 * sum(sizes) < 15.5e6, "as fp16, with its header, it must stay under 16 MB"


def test_hymamba_small_can_overfit() -> None:
    torch.manual_seed(0)
    model = build_model("hymamba_small", num_classes=3)
    labels = torch.zeros(1, 32, 32, 32, dtype=torch.long)
    labels[:, 4:14, 6:20, 3:30] = 1
    labels[:, 18:30, 10:16, 8:20] = 2
    volume = labels[:, None] * 0.3 + 0.2 * torch.rand(1, 1, 32, 32, 32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(volume), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


@torch.no_grad()
def test_hymamba_small_traces_alike_however_often_it_ran_before() -> None:
    x = torch.rand(1, 1, 32, 32, 32)
    model = build_model("hymamba_small", scan="hilbert", **TINY["hymamba_small"]).eval()
    fresh = torch.jit.trace(model, x)
    want = model(x)
    warm = torch.jit.trace(model, x)
    torch.testing.assert_close(fresh(x), want, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(warm(x), want, atol=1e-5, rtol=1e-4)


def test_hymamba_small_converts_to_openvino() -> None:
    openvino = pytest.importorskip("openvino")
    torch.manual_seed(0)
    model = build_model("hymamba_small", scan="zigzag", **TINY["hymamba_small"]).eval()
    x = torch.rand(1, 1, 32, 48, 16)
    converted = openvino.convert_model(model, example_input=x, input=list(x.shape))
    compiled = openvino.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        want = model(x)
    got = torch.from_numpy(compiled(x.numpy())[0])
    torch.testing.assert_close(got, want, atol=2e-4, rtol=0)
