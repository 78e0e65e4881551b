"""The loop: it learns, its state comes back whole, and its checkpoint says what it saw."""

import copy

import numpy as np
import pytest
import torch

import mambamim
from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.training import first_model
from mambamim.training.first_model import CASE_DATA, PHANTOM_DATA, FirstModel, Recipe, run
from mambamim.training.patches import Case

CPU = torch.device("cpu")
SIDE = 32


@pytest.fixture(scope="module")
def batch():
    """Two patches: bright halves are class 6."""
    labels = torch.zeros(2, SIDE, SIDE, SIDE, dtype=torch.int64)
    labels[0, : SIDE // 2], labels[1, :, SIDE // 2 :] = 6, 6
    generator = torch.Generator().manual_seed(0)
    noise = 20 * torch.randn(labels.shape, generator=generator)
    return labels * 25.0 - 50 + noise, labels


@pytest.fixture(scope="module")
def trained(batch):
    first = FirstModel(Recipe(seed=1), CPU)
    for _ in range(2):
        first.train_step(*batch)
    return first


def same_tensors(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[key], second[key]) for key in first)


def test_a_step_changes_the_network_and_what_it_averages(trained):
    fresh = FirstModel(Recipe(seed=1), CPU)
    assert trained.step == 2
    assert not same_tensors(fresh.model.state_dict(), trained.model.state_dict())
    assert not same_tensors(trained.model.state_dict(), trained.average.module.state_dict())
    assert int(trained.average.n_averaged) == 2


@pytest.mark.slow
def test_steps_teach_what_the_labels_say(batch):
    first = FirstModel(Recipe(seed=1, learning_rate=3e-2), CPU)
    losses = [float(first.train_step(*batch)) for _ in range(16)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    hu, labels = batch
    with torch.no_grad():
        image = ((hu + 175) / 425).clamp(0, 1)[:, None]
        likely = first.model(image).softmax(1)[:, 6]
    assert float(likely[labels == 6].mean()) > float(likely[labels == 0].mean()) + 0.1


def test_the_rate_rises_and_falls():
    first = FirstModel(Recipe(learning_rate=1.0, total_minutes=10), CPU)
    assert first.rate() == pytest.approx(0.01)
    first.step = 99
    assert first.rate() == pytest.approx(1.0)
    first.step, first.seconds = 500, 300.0
    assert first.rate() == pytest.approx(0.51)
    for first.seconds in (600.0, 900.0):
        assert first.rate() == pytest.approx(0.02)


def test_only_weights_decay():
    first = FirstModel(Recipe(), CPU)
    decayed, fixed = first.optimizer.param_groups
    assert decayed["weight_decay"] > 0
    assert fixed["weight_decay"] == 0
    rates = [p for n, p in first.model.named_parameters() if n.endswith("A_log")]
    assert rates
    ids = {id(p) for p in fixed["params"]}
    assert all(id(p) in ids for p in rates)
    assert all(p.dim() >= 2 for p in decayed["params"])
    assert len(decayed["params"]) + len(fixed["params"]) == len(list(first.model.parameters()))


def test_a_saved_state_comes_back_whole(trained, batch, tmp_path):
    """The next step of the resumed run is the next step of the one that was left."""
    left = copy.deepcopy(trained)
    left.seconds = 12.5
    left.save(tmp_path)
    resumed = FirstModel(Recipe(seed=9), CPU)
    resumed.resume(tmp_path)
    assert (resumed.step, resumed.seconds) == (2, 12.5)
    assert same_tensors(left.model.state_dict(), resumed.model.state_dict())
    assert same_tensors(left.average.state_dict(), resumed.average.state_dict())
    left.train_step(*batch)
    resumed.train_step(*batch)
    assert same_tensors(left.model.state_dict(), resumed.model.state_dict())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["abdomen-small.safetensors", "state.pt"]


def test_an_empty_folder_resumes_nothing(tmp_path):
    first = FirstModel(Recipe(), CPU)
    first.resume(tmp_path)
    assert first.step == 0


def test_the_checkpoint_is_the_average_and_says_what_it_saw(trained, tmp_path):
    trained.save(tmp_path)
    checkpoint = mambamim.load_checkpoint(tmp_path / "abdomen-small.safetensors")
    assert checkpoint.labels == ABDOMEN_LABELS
    assert checkpoint.header.name == "abdomen-small"
    assert checkpoint.header.licence == "Apache-2.0"
    assert checkpoint.header.training["steps"] == 2
    assert checkpoint.header.training["data"] == [PHANTOM_DATA]
    average = trained.average.module.state_dict()
    for name, tensor in checkpoint.model.state_dict().items():
        torch.testing.assert_close(tensor, average[name], rtol=1e-3, atol=1e-5)


def test_what_was_seen_is_remembered_over_resuming_and_further_runs(tmp_path):
    """Weights that learnt from the example still have when only phantoms follow."""
    first = FirstModel(Recipe(), CPU)
    first.learns_from([CASE_DATA])
    first.save(tmp_path)
    resumed, further = FirstModel(Recipe(seed=2), CPU), FirstModel(Recipe(seed=2), CPU)
    resumed.resume(tmp_path)
    further.start_from(tmp_path / "abdomen-small.safetensors")
    for later in (resumed, further):
        assert later.data == [PHANTOM_DATA, CASE_DATA]
    assert FirstModel(Recipe(), CPU).data == [PHANTOM_DATA]


def test_a_further_run_begins_with_the_weights_and_its_own_schedule(trained, tmp_path):
    trained.save(tmp_path)
    further = FirstModel(Recipe(seed=5), CPU)
    further.start_from(tmp_path / "abdomen-small.safetensors")
    assert further.step == 0
    saved = trained.average.module.state_dict()
    for network in (further.model, further.average.module):
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(tensor, saved[name], rtol=1e-3, atol=1e-5)


class InThisProcess:
    """Draws tiny bodies at once instead of in a pool of processes."""

    seeds: list[int] = []  # noqa: RUF012

    def __init__(self, workers):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def map(self, draw, seeds):
        InThisProcess.seeds = list(seeds)
        return [np.full((40, 40, 40), 26, np.uint8) for _ in InThisProcess.seeds]


@pytest.mark.slow
@pytest.mark.parametrize("with_case", [False, True])
def test_a_run_trains_for_its_time_and_saves(with_case, tmp_path, monkeypatch):
    monkeypatch.setattr(first_model, "ProcessPoolExecutor", InThisProcess)
    recipe = Recipe(minutes=0.02, total_minutes=1, anatomies=2, pool=2, batch=1, patch=32, seed=3)
    real = Case(torch.zeros(30, 30, 30), torch.ones(30, 30, 30, dtype=torch.uint8), 1.5)
    first = FirstModel(recipe, CPU)
    run(first, [real] if with_case else [], tmp_path, workers=1)
    assert InThisProcess.seeds == [4000, 4001]
    assert first.step >= 1
    assert 1.2 <= first.seconds < 60
    header = mambamim.load_checkpoint(tmp_path / "abdomen-small.safetensors").header
    assert header.training["steps"] == first.step
    assert (CASE_DATA in header.training["data"]) == with_case
    resumed = FirstModel(recipe, CPU)
    resumed.resume(tmp_path)
    assert resumed.step == first.step
