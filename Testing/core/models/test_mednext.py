import torch
import torch.nn.functional as F

from mambamim.models.mednext import ChannelNorm, MedNeXtBlock, ResidualBlock


def test_channel_norm_is_layer_norm_over_channels() -> None:
    torch.manual_seed(0)
    norm, x = ChannelNorm(6), torch.randn(2, 6, 3, 4, 5) * 3 + 1
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    want = F.layer_norm(x.movedim(1, -1), (6,), norm.weight, norm.bias, 1e-6).movedim(-1, 1)
    torch.testing.assert_close(norm(x), want)


def test_channel_norm_survives_half_precision() -> None:
    x = torch.full((1, 4, 1, 1, 1), 1000.0)
    x[:, 0] = -1000.0  # its square is beyond float16
    out = ChannelNorm(4).to(torch.float16)(x.half())
    assert out.dtype == torch.float16
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out.float(), ChannelNorm(4)(x), atol=2e-3, rtol=0)


def test_mednext_block_adds_to_its_input() -> None:
    block = MedNeXtBlock(8, 2)
    torch.nn.init.zeros_(block.conv3.weight)
    torch.nn.init.zeros_(block.conv3.bias)  # type: ignore[arg-type]
    x = torch.randn(1, 8, 4, 4, 4)
    assert torch.equal(block(x), x)
    assert block.conv1.groups == 8
    assert block.conv2.out_channels == 16


def test_residual_block_projects_only_where_channels_change() -> None:
    assert not hasattr(ResidualBlock(4, 4), "conv3")
    assert ResidualBlock(4, 6)(torch.randn(1, 4, 3, 3, 3)).shape == (1, 6, 3, 3, 3)
