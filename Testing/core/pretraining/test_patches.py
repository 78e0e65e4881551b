import torch

from mambamim.pretraining.patches import Patches


def test_every_patch_is_normalised_by_its_own_moments():
    volume = torch.rand(2, 1, 4, 6, 2) * 300 - 100
    patches = Patches.of(volume, 2, normalise=True)
    one = volume[1, 0, 2:4, 4:6, 0:2]
    assert torch.allclose(patches.mean[1, 0, 1, 2, 0], one.mean())
    assert torch.allclose(patches.deviation[1, 0, 1, 2, 0], (one.var() + 1e-6).sqrt())


def test_an_even_patch_is_no_division_by_zero():
    patches = Patches.of(torch.full((1, 1, 4, 4, 4), 7.0), 2, normalise=True)
    visible = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    visible[0, 0, 0, 0] = True
    assert patches.error(torch.zeros(1, 1, 4, 4, 4), visible) == 0
    assert torch.equal(patches.show(torch.zeros(1, 1, 4, 4, 4), visible), patches.volume)


def test_a_raw_target_is_the_volume():
    volume = torch.rand(1, 2, 4, 4, 4)
    patches = Patches.of(volume, 2, normalise=False)
    visible = torch.rand(1, 2, 2, 2, generator=torch.Generator().manual_seed(1)) < 0.5
    assert patches.error(volume, visible) == 0
    off = patches.error(volume + 3, visible)
    assert torch.allclose(off, torch.tensor(9.0), rtol=1e-5)


def test_only_masked_patches_count():
    volume = torch.rand(1, 1, 4, 4, 4)
    patches = Patches.of(volume, 2, normalise=False)
    visible = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    visible[0, 1] = True
    wrong = volume.clone()
    wrong[:, :, 2:] += 100  # visible: no business of the loss
    assert patches.error(wrong, visible) == 0


def test_half_precision_input_is_measured_in_full():
    assert Patches.of(torch.rand(1, 1, 4, 4, 4).half(), 2, True).deviation.dtype == torch.float32
