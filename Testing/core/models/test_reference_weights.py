import logging

import pytest
import torch

from mambamim.models import build_model, convert_reference_state_dict

NAMES = {
    "embeddings.layer3.1.conv2.weight": "encoder.stages.1.1.conv2.weight",
    "embeddings.expend4.bias": "encoder.expand.3.bias",
    "embeddings.encoder1.norm2.weight": "encoder.skips.0.norm2.weight",
    "mae.blocks.2.mamba.A_b_log": "stage.blocks.2.mamba.back.A_log",
    "mae.blocks.2.mamba.D": "stage.blocks.2.mamba.ahead.D",
    "mae.blocks.0.mamba.conv1d_b.bias": "stage.blocks.0.mamba.back.conv1d.bias",
    "mae.blocks.3.mamba.dt_proj.weight": "stage.blocks.3.mamba.ahead.dt_proj.weight",
    "mae.blocks.3.mlp.fc1.bias": "stage.blocks.3.mlp.fc1.bias",
    "decoder.decoder5.transp_conv.conv.weight": "decoder.ups.3.transp_conv.conv.weight",
    "decoder.decoder1.norm3.bias": "decoder.last.norm3.bias",
    "decoder.out.conv.weight": "decoder.head.weight",
}


def test_names_are_those_of_hymamba() -> None:
    with torch.device("meta"):
        own = build_model("hymamba").state_dict()
    converted = convert_reference_state_dict({k: torch.zeros(1) for k in NAMES})
    assert list(converted) == list(NAMES.values())
    assert set(converted) <= set(own)


def test_tensors_are_handed_on_and_the_position_table_dropped() -> None:
    tensor = torch.rand(3)
    got = convert_reference_state_dict(
        {"module.embeddings.stem.bias": tensor, "mae.pos_embed": tensor}
    )
    assert list(got) == ["encoder.stem.bias"]
    assert got["encoder.stem.bias"] is tensor


def test_unknown_names_stay_and_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        got = convert_reference_state_dict({"mask_token": torch.zeros(1)})
    assert list(got) == ["mask_token"]
    assert "mask_token" in caplog.text
