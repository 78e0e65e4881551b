"""The patient's box."""

import torch

from mambamim.inference.body import body_box


def test_finds_the_body_and_not_the_table():
    volume = torch.full((60, 60, 40), -1000.0)
    volume[20:44, 16:48, 8:32] = 40.0
    volume[24:40, 20:40, 12:28] = -850.0  # lungs are a hole, and stay inside
    volume[4:56, 4:5, :] = 100.0  # a thin table
    box = body_box(volume, margin=4)
    starts, stops = [s.start for s in box], [s.stop for s in box]
    assert all(a <= b for a, b in zip(starts, (20, 16, 8), strict=True))
    assert all(a >= b for a, b in zip(stops, (44, 48, 32), strict=True))
    assert starts[1] > 4


def test_air_alone_has_no_body():
    assert body_box(torch.full((20, 20, 20), -1000.0)) is None
