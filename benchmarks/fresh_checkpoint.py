"""Networks with fresh weights, as files: what their weights are costs no time."""

from __future__ import annotations

from pathlib import Path

import torch

import mambamim
from mambamim.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mambamim.inference.cuda_runtime import CudaRuntime
from mambamim.inference.openvino_runtime import OpenVINORuntime, is_installed
from mambamim.inference.runtimes import Runtime, TorchRuntime

ORGANS, SIDE = 20, 96


def never() -> bool:
    """Not cancelled."""
    return False


def make_checkpoint(name: str, folder: Path) -> Checkpoint:
    """A network as `Segmenter` takes it, for windows of 96^3 and 20 organs."""
    torch.manual_seed(0)
    model = mambamim.build_model(name, num_classes=ORGANS + 1).eval()
    path = folder / f"{name}.safetensors"
    save_checkpoint(path, model, labels={v: f"class_{v}" for v in range(1, ORGANS + 1)})
    return load_checkpoint(path)


def runtimes(checkpoint: Checkpoint, device: torch.device, folder: Path) -> dict[str, Runtime]:
    """The ways to run a network here, by name, torch first."""
    plain = CudaRuntime if device.type == "cuda" else TorchRuntime
    found: dict[str, Runtime] = {"torch": plain(checkpoint.model, device)}
    if device.type == "cpu" and is_installed():
        try:
            for precision in ("f32", "bf16"):
                made = OpenVINORuntime(checkpoint, folder / "compiled", precision)
                found[made.name] = made
        except RuntimeError as error:  # swin_unetr's padding at 96^3
            reason = str(error).splitlines()[0]
            print(f"OpenVINO cannot run {checkpoint.header.name} at {SIDE}^3: {reason}")
    return found
