"""Kernels for GPUs are interpreted where there is none: slow, and the same arithmetic."""

import os

import torch

if not torch.cuda.is_available():
    # Triton reads it as it is imported, and more than one test's imports bring Triton with them.
    os.environ["TRITON_INTERPRET"] = "1"
