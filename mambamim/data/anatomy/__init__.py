"""A procedural body: a random adult's trunk as a tissue map."""

from mambamim.data.anatomy.body import draw_body

__all__ = ["draw_body"]
