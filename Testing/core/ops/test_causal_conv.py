"""The causal convolution against its sum written out."""

import torch
import torch.nn.functional as F

from mambamim.ops.causal_conv import causal_conv1d


def test_equals_its_sum_and_sees_no_future():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 9, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    want = torch.empty_like(x)
    for t in range(9):
        total = bias.clone().expand(2, 3)
        for k in range(4):
            if t - 3 + k >= 0:
                total = total + weight[:, k] * x[:, :, t - 3 + k]
        want[:, :, t] = F.silu(total)
    torch.testing.assert_close(causal_conv1d(x, weight, bias), want)
