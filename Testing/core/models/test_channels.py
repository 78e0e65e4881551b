import pytest
import torch
from tiny_networks import TINY
from torch import nn

from mambamim.errors import BadInputError
from mambamim.models import build_model
from mambamim.models.channels import widen_input
from mambamim.pretraining import MambaMIM

NETWORKS: dict[str, dict] = {
    **TINY,
    "unet": {"channels": [4, 6, 8, 10, 12]},
    "unetr": {"image_size": 32, "features": 6, "width": 24, "mlp": 32, "heads": 2},
    "segresnet": {"width": 8, "depths": [1, 1, 1, 1]},
}


def network(name: str, **more) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, num_classes=3, **NETWORKS[name], **more).eval()


@pytest.mark.parametrize("name", list(NETWORKS))
@torch.no_grad()
def test_equal_channels_give_what_one_gave(name):
    one = network(name)
    four = widen_input(one, 4)
    x = torch.rand(1, 1, 32, 32, 32)
    torch.testing.assert_close(four(x.expand(-1, 4, -1, -1, -1)), one(x), atol=1e-4, rtol=1e-4)
    assert four.architecture == {**one.architecture, "in_channels": 4}
    assert one.architecture["in_channels"] == 1


@torch.no_grad()
def test_each_channel_has_the_same_share():
    one = network("hymamba_small")
    four = widen_input(one, 4)
    weight = one.encoder.stem.weight
    assert four.encoder.stem.weight.shape == (4, 4, 3, 3, 3)
    for channel in range(4):
        torch.testing.assert_close(four.encoder.stem.weight[:, channel], weight[:, 0] / 4)
    assert torch.equal(four.encoder.stem.bias, one.encoder.stem.bias)


@pytest.mark.parametrize("name", list(TINY))
def test_a_state_dict_is_widened_as_its_network_is(name):
    one = network(name)
    state = one.state_dict()
    before = {key: tensor.clone() for key, tensor in state.items()}
    widened = widen_input(state, 3)
    for key, tensor in widen_input(one, 3).state_dict().items():
        assert torch.equal(widened[key], tensor), key
    assert all(torch.equal(state[key], tensor) for key, tensor in before.items())


def test_type_mode_and_random_numbers_stay_as_they_are():
    one = network("hymamba_small").double().train()
    before = torch.get_rng_state()
    four = widen_input(one, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert four.training
    assert four.encoder.stem.weight.dtype == torch.float64
    assert torch.equal(widen_input(one, 1).encoder.stem.weight, one.encoder.stem.weight)


def test_what_cannot_be_widened_is_told_of():
    with pytest.raises(BadInputError, match="at least 1 channel, not 0"):
        widen_input(network("hymamba_small"), 0)
    with pytest.raises(BadInputError, match="takes 2 channels"):
        widen_input(network("hymamba_small", in_channels=2), 4)
    with pytest.raises(BadInputError, match="takes 2 channels"):
        widen_input(network("hymamba_small", in_channels=2).state_dict(), 4)
    with pytest.raises(BadInputError, match="known to see the volume"):
        widen_input({"conv.weight": torch.zeros(3, 1, 3, 3, 3)}, 4)
    with pytest.raises(BadInputError, match="unetr is another network with 6 channels"):
        widen_input(network("unetr"), 6)
    with pytest.raises(BadInputError, match="Conv3d"):
        widen_input(nn.Conv3d(1, 3, 3), 4)
    with pytest.raises(BadInputError, match="MambaMIM"):
        widen_input(MambaMIM(network("hymamba_small"), 32, width=16), 4)
