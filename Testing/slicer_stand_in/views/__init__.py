"""Slice, 3D and plot views that render off screen."""
