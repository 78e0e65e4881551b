import torch
from monai.networks.blocks.unetr_block import UnetrUpBlock

from mambamim.models.unet_block import UnetBlock, UnetUpBlock, with_unet_blocks


def test_monais_blocks_become_ours_with_the_same_results_and_names():
    torch.manual_seed(0)
    plain = UnetrUpBlock(3, 6, 4, 3, 2, "instance", res_block=True)
    x, skip = torch.randn(2, 6, 2, 3, 2), torch.randn(2, 4, 4, 6, 4)
    want, names = plain(x, skip), list(plain.state_dict())
    ours = with_unet_blocks(plain)
    assert type(ours) is UnetUpBlock
    assert type(ours.conv_block) is UnetBlock
    assert list(ours.state_dict()) == names
    assert torch.equal(ours(x, skip), want)
