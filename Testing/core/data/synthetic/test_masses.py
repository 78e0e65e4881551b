"""Balls lie where they should, in their organs."""

import numpy as np
import torch

from mambamim.data.phases import Phase
from mambamim.data.synthetic.deformation import spread
from mambamim.data.synthetic.masses import Ball, draw_lesions, within
from mambamim.data.synthetic.palette import draw_palette
from mambamim.data.tissues import Tissue

EXTENT = np.array([60.0, 48.0, 36.0])


def test_a_ball_has_its_place_and_radii():
    lines = [(torch.arange(round(e)) + 0.5) for e in EXTENT]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    places = spread(grid, EXTENT, grid.shape[1:])
    ball = Ball(np.array([20.0, 30.0, 15.0]), np.array([8.0, 6.0, 4.0]), (1,))
    inside = within(places, EXTENT, ball, 0.0).nonzero().float() + 0.5
    assert np.allclose(inside.mean(0), ball.centre_mm, atol=0.1)
    assert np.allclose((inside.amax(0) - inside.amin(0)) / 2, ball.radii_mm, atol=1)


def test_lesions_are_in_livers_kidneys_and_spleens_that_are_near(anatomy):
    rng = np.random.default_rng(0)
    palette = draw_palette(rng, {}, torch.device("cpu"), Phase.PORTAL)
    near = anatomy.centre(Tissue.LIVER)
    drawn = [draw_lesions(rng, anatomy, near, 20.0, palette) for _ in range(60)]
    balls = [ball for lesions in drawn for ball in lesions]
    assert 5 < sum(bool(lesions) for lesions in drawn) < 40
    assert {Tissue.LIVER} <= {ball.organs[0] for ball in balls}
    assert all(np.abs(ball.centre_mm - near).max() < 20 for ball in balls)
