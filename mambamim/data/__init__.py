"""Volumes from file to array and back: reading, grids, label maps, statistics, pictures."""
