"""Operators the networks are made of: selective scan, causal convolution, scan orders."""

from mambamim.ops.causal_conv import causal_conv1d
from mambamim.ops.scan_order import scan_order
from mambamim.ops.selective_scan import describe_backends, selective_scan

__all__ = ["causal_conv1d", "describe_backends", "scan_order", "selective_scan"]
