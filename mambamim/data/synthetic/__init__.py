"""Synthetic CT painted over real label maps, on the device that trains."""
