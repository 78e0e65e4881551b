"""Where kernels run in tests."""

import importlib.util

import pytest
import torch

from mambamim.ops import triton_support


@pytest.fixture
def kernel_device(monkeypatch):
    """The device that kernels run on in tests: a GPU, or the CPU where they are interpreted.

    What they are compared with must not be rounded to TF32 on the way.
    """
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    if torch.cuda.is_available():
        if not triton_support.is_capable(0):
            pytest.skip("the CUDA device is too old for the kernels")
        return torch.device("cuda")
    monkeypatch.setattr(triton_support, "can_run", lambda like: True)
    return torch.device("cpu")
