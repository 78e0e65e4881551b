import torch

from mambamim.pretraining.hybrid_decoder import HybridDecoder, LearnableToken

CHANNELS = (3, 4, 5, 6, 7)
VISIBLE = torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5


def features():
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, width, *(side * 2**level for side in (1, 2, 2)), generator=generator)
        for width, level in zip(CHANNELS, (4, 3, 2, 1, 0), strict=True)
    ]


def test_a_learnable_token_stands_at_every_masked_place():
    token = LearnableToken(3)
    visible = torch.tensor([[False, True, False, True]])
    tokens = torch.tensor([[[1.0, 2, 3], [4, 5, 6]]])
    out = token(tokens, visible)
    assert torch.equal(out[0, 1], tokens[0, 0])
    assert torch.equal(out[0, 3], tokens[0, 1])
    assert torch.equal(out[0, 0], token.token)
    assert torch.equal(out[0, 2], token.token)


def test_masked_places_of_a_skip_are_filled_whatever_stood_there():
    torch.manual_seed(0)
    decoder = HybridDecoder(CHANNELS, 32)
    *skips, deepest = features()
    first = decoder(deepest, skips, VISIBLE)
    assert first.shape == (2, 1, 16, 32, 32)
    for level, skip in enumerate(skips):
        side = 2 ** (4 - level)
        seen = VISIBLE
        for axis in (1, 2, 3):
            seen = seen.repeat_interleave(side, axis)
        skip[~seen[:, None].expand_as(skip)] = 1e3
    assert torch.equal(decoder(deepest, skips, VISIBLE), first)


def test_without_skips_only_the_deepest_feature_counts():
    decoder = HybridDecoder(CHANNELS, 32, skips=False)
    *skips, deepest = features()
    first = decoder(deepest, skips, VISIBLE)
    assert torch.equal(decoder(deepest, [skip + 1 for skip in skips], VISIBLE), first)
    assert len(decoder.tokens) == 0


def test_an_encoder_without_a_feature_a_level_is_decoded_without_skips():
    decoder = HybridDecoder((1, 7), 32)
    assert not decoder.joins
    assert decoder(features()[-1], [torch.rand(2, 1, 16, 32, 32)], VISIBLE).shape[1] == 1


def test_samples_do_not_mix():
    decoder = HybridDecoder(CHANNELS, 32).train()
    *skips, deepest = features()
    together = decoder(deepest, skips, VISIBLE)
    alone = decoder(deepest[:1], [skip[:1] for skip in skips], VISIBLE[:1])
    assert torch.allclose(alone, together[:1], atol=1e-5)
