"""The best weights of a run stay, whoever comes after them."""

import pytest
from tiny_networks import TINY

from mambamim.checkpoint_header import read_header
from mambamim.checkpoints import save_checkpoint
from mambamim.finetuning.best_checkpoint import BestCheckpoint
from mambamim.models import build_model


@pytest.fixture(scope="module")
def network():
    return build_model("hymamba_small", num_classes=2, **TINY["hymamba_small"])


@pytest.fixture
def keep(network, tmp_path):
    def keep(best, step, score=None, fresh=True):
        """Publish the weights of a step; returns the step of the best ones."""
        scores = {} if score is None else {"dice": score}
        last = tmp_path / "x-last.safetensors"
        training = {"steps": step, "scores": scores}
        save_checkpoint(last, network, {1: "liver"}, name="x", training=training)
        if fresh:
            best.scored()
        best.keep(last, tmp_path, scores)
        return read_header(tmp_path / "x.safetensors").training["steps"]

    return keep


def test_the_best_stays(keep):
    best = BestCheckpoint("x", "dice")
    given = [(1, 0.3), (2, 0.5), (3, 0.4), (4, 0.5), (5, 0.6)]
    assert [keep(best, *each) for each in given] == [1, 2, 2, 2, 5], "of equal ones the first"


def test_a_resumed_run_knows_it(keep):
    keep(BestCheckpoint("x", "dice"), 1, 0.5)
    again = BestCheckpoint("x", "dice")
    assert [keep(again, 2, 0.4), keep(again, 3, 0.6)] == [1, 3]


def test_scores_of_other_weights_do_not_replace_it(keep):
    best = BestCheckpoint("x", "dice")
    keep(best, 1, 0.3)
    assert keep(best, 2, 0.9, fresh=False) == 1
    assert keep(best, 3, 0.4) == 3
    assert keep(best, 4, 0.5, fresh=False) == 3, "fresh once is not fresh for ever"


def test_what_was_never_scored_gives_way(keep):
    best = BestCheckpoint("x", "dice")
    assert keep(best, 1, fresh=False) == 1
    assert keep(best, 2, fresh=False) == 2, "without validation the last one counts"
    assert keep(best, 3, 0.01) == 3
    assert keep(best, 4, 0.005) == 3


def test_it_is_the_same_file(keep, tmp_path):
    keep(BestCheckpoint("x", "dice"), 1, 0.5)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files["x.safetensors"] == files["x-last.safetensors"]
    assert len(files) == 2, "nothing half-written is left"
