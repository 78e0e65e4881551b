"""hymamba against the authors' network, written down once more in functions of their names."""

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mambamim.models import build_model, convert_reference_state_dict

REFERENCE = Path(__file__).parents[4] / "shared" / "reference"


class Reference:
    """The authors' forward pass; `w` looks a tensor up by their name."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def w(self, name: str) -> Tensor:
        (ours,) = convert_reference_state_dict({name: torch.zeros(0)})
        return self.state[ours]

    def conv(self, name: str, x: Tensor, padding: int = 0, groups: int = 1) -> Tensor:
        weight, bias = self.w(f"{name}.weight"), self.w(f"{name}.bias")
        return F.conv3d(x, weight, bias, padding=padding, groups=groups)

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.w(f"{name}.weight"), self.w(f"{name}.bias")
        return F.layer_norm(x.movedim(1, -1), weight.shape, weight, bias, 1e-6).movedim(-1, 1)

    def mednext(self, name: str, x: Tensor) -> Tensor:
        y = self.norm(f"{name}.norm", self.conv(f"{name}.conv1", x, 1, x.shape[1]))
        return x + self.conv(f"{name}.conv3", F.gelu(self.conv(f"{name}.conv2", y)))

    def residual(self, name: str, x: Tensor, projects: bool = False) -> Tensor:
        y = F.leaky_relu(self.norm(f"{name}.norm1", self.conv(f"{name}.conv1", x, 1)), 0.01)
        y = self.norm(f"{name}.norm2", self.conv(f"{name}.conv2", y, 1))
        if projects:
            x = self.norm(f"{name}.norm3", self.conv(f"{name}.conv3", x))
        return F.leaky_relu(x + y, 0.01)

    def mamba(self, name: str, tokens: Tensor) -> Tensor:
        x, z = (tokens @ self.w(f"{name}.in_proj.weight").t()).mT.chunk(2, 1)
        weight, bias = self.w(f"{name}.conv1d.weight"), self.w(f"{name}.conv1d.bias")
        x = F.silu(F.conv1d(x, weight, bias, padding=3, groups=x.shape[1])[..., : x.shape[2]])
        dt, B, C = (self.w(f"{name}.x_proj.weight") @ x).split((24, 16, 16), 1)
        dt = self.w(f"{name}.dt_proj.weight") @ dt + self.w(f"{name}.dt_proj.bias")[:, None]
        dt, A = F.softplus(dt), -self.w(f"{name}.A_log").exp()
        state, out = torch.zeros(1, *A.shape), []
        for t in range(x.shape[2]):
            state = state * torch.exp(dt[:, :, t, None] * A)
            state = state + (dt * x)[:, :, t, None] * B[:, None, :, t]
            out.append((state * C[:, None, :, t]).sum(-1) + self.w(f"{name}.D") * x[:, :, t])
        return (torch.stack(out, 2) * F.silu(z)).mT @ self.w(f"{name}.out_proj.weight").t()

    def layer(self, name: str, tokens: Tensor) -> Tensor:
        def norm(which: str, x: Tensor) -> Tensor:
            weight, bias = self.w(f"{name}.{which}.weight"), self.w(f"{name}.{which}.bias")
            return F.layer_norm(x, weight.shape, weight, bias)

        def linear(which: str, x: Tensor) -> Tensor:
            return F.linear(x, self.w(f"{name}.{which}.weight"), self.w(f"{name}.{which}.bias"))

        tokens = tokens + self.mamba(f"{name}.mamba", norm("norm1", tokens))
        return tokens + linear("mlp.fc2", F.gelu(linear("mlp.fc1", norm("norm2", tokens))))

    def up(self, name: str, x: Tensor, skip: Tensor) -> Tensor:
        x = F.conv_transpose3d(x, self.w(f"{name}.transp_conv.conv.weight"), stride=2)
        x = torch.cat([x, skip], 1)
        one, two, three = (self.w(f"{name}.conv_block.conv{i}.conv.weight") for i in (1, 2, 3))
        y = F.leaky_relu(F.instance_norm(F.conv3d(x, one, padding=1)), 0.01)
        y = F.instance_norm(F.conv3d(y, two, padding=1))
        return F.leaky_relu(y + F.instance_norm(F.conv3d(x, three)), 0.01)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv("embeddings.stem", x, 1)
        skips = []
        for i, blocks in enumerate((2, 2, 2, 1), start=1):
            x = self.conv(f"embeddings.expend{i}", x, 1)
            skips.append(self.residual(f"embeddings.encoder{i}", x))
            x = F.max_pool3d(x, 2)
            for j in range(blocks):
                x = self.mednext(f"embeddings.layer{i + 1}.{j}", x)
        tokens = x.flatten(2).mT + position(x.shape[2:], 384)
        for i in range(4):
            tokens = self.layer(f"mae.blocks.{i}", tokens)
        x = tokens.mT.reshape(x.shape)
        for i in (5, 4, 3, 2):
            x = self.up(f"decoder.decoder{i}", x, skips.pop())
        x = self.residual("decoder.decoder1", x, projects=True)
        return self.conv("decoder.out.conv", x)


def position(shape: torch.Size, width: int) -> Tensor:
    count = width // 6
    rows = []
    for place in np.ndindex(*shape):
        row: list[float] = []
        for p in place:
            angles = [p * 10000 ** -(i / count) for i in range(count)]
            row += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        rows.append(row)
    return torch.tensor(rows)


@torch.no_grad()
def test_hymamba_is_the_authors_network_written_down_again() -> None:
    torch.manual_seed(0)
    model = build_model("hymamba", num_classes=5).eval()
    for parameter in model.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))  # no weight stays at a one or a zero
    x = torch.rand(1, 1, 32, 48, 16)
    want = Reference(model.state_dict())(x)
    assert (model(x) - want).abs().max() < 1e-4 * want.std() + 1e-5


def test_hymamba_has_the_authors_number_of_parameters() -> None:
    with torch.device("meta"):
        model = build_model("hymamba", num_classes=14)
    position_table = 216 * 384  # theirs counts the fixed table for 96^3
    assert sum(p.numel() for p in model.parameters()) + position_table == 41_841_134
    unused = [p for n, p in model.named_parameters() if ".back." in n]
    assert sum(p.numel() for p in unused) == 316_416
    assert not any(p.requires_grad for p in unused)


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="shared/reference is not beside the project")
def test_hymamba_gives_the_authors_logits() -> None:
    weights = runpy.run_path(str(REFERENCE / "weights.py"))
    shapes = json.loads((REFERENCE / "hymamba.json").read_text())
    theirs = np.load(REFERENCE / "hymamba.npz")
    state = {k: torch.from_numpy(v) for k, v in weights["make_state_dict"](shapes, 11).items()}
    model = build_model("hymamba", num_classes=14).eval()
    model.load_state_dict(convert_reference_state_dict(state))
    with torch.inference_mode():
        features = model.encoder(torch.from_numpy(weights["make_volume"](11)))
        logits = model.decoder([*features[:-1], model.stage(features[-1])])[0]
        # From their input: the stage magnifies a rounding in x5 thirtyfold.
        tokens = model.stage(torch.from_numpy(theirs["x5"])[None])
    got = {
        "x5": features[-1][0],
        "tokens": tokens[0],
        "logits_crop": logits[:, 30:54, 40:64, 20:44],
        "logits_mean": logits.mean((1, 2, 3)),
        "logits_std": logits.std((1, 2, 3)),
    }
    for name, ours in got.items():
        error = np.abs(ours.numpy() - theirs[name]).max()
        assert error <= 1e-4 * theirs[name].std() + 1e-5, f"{name}: off by {error:.1e}"
