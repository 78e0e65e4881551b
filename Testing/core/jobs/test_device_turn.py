"""One job at a time on a graphics card, whatever program it belongs to; the CPU is shared."""

import subprocess
import sys
import threading
import time

import pytest
import torch
from job_ear import Ear

from mambamim.errors import BadInputError, Cancelled
from mambamim.jobs import device_turn as module
from mambamim.jobs.device_turn import device_turn


@pytest.fixture(autouse=True)
def card(tmp_path, monkeypatch):
    """A computer that has a graphics card, as far as the choice of a device goes."""
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "mambamim.inference.runtimes.choose_device",
        lambda asked: torch.device("cuda" if asked == "auto" else asked),
    )
    monkeypatch.setattr(module, "_LOOK", 0.01)


def test_the_cpu_is_shared():
    with device_turn("cpu", "training", Ear()) as one, device_turn("cpu", "x", Ear()) as two:
        assert (one, two) == ("cpu", "cpu")


def test_auto_takes_the_card_and_gives_it_back():
    for _ in range(2):
        with device_turn("auto", "training", Ear()) as device:
            assert device == "cuda"
    with pytest.raises(ZeroDivisionError), device_turn("auto", "training", Ear()):
        raise ZeroDivisionError
    with device_turn("cuda", "training", Ear()) as device:
        assert device == "cuda"


def test_a_job_that_yields_takes_the_cpu_meanwhile_and_says_so():
    ear = Ear()
    with (
        device_turn("auto", "training", Ear()),
        device_turn("auto", "segmenting", ear, yields=True) as device,
    ):
        assert device == "cpu"
    assert ear.logs == [
        ("info", "the graphics card is busy training: this job takes the CPU meanwhile.")
    ]
    with device_turn("auto", "segmenting", Ear(), yields=True) as device:
        assert device == "cuda"


def test_who_asks_for_the_card_waits_and_is_told_for_what():
    ear, order = Ear(), []

    def wait():
        with device_turn("cuda", "segmenting", ear, yields=True):
            order.append("second")

    with device_turn("auto", "training", Ear()):
        thread = threading.Thread(target=wait)
        thread.start()
        while not ear.messages:
            time.sleep(0.01)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert ear.messages == ["waiting: the graphics card is busy training"]


def test_two_cards_are_two_turns():
    with device_turn("cuda:0", "a", Ear()), device_turn("cuda:1", "b", Ear()) as other:
        assert other == "cuda:1"


def test_who_waits_can_be_cancelled():
    with (
        device_turn("cuda", "training", Ear()),
        pytest.raises(Cancelled, match="waited"),
        device_turn("cuda", "segmenting", Ear(cancel_after=0)),
    ):
        pass


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / "home" / ".cuda-0.turn"
    path.parent.mkdir()
    hold = f"from mambamim.jobs.life_lock import hold\nkept = hold(__import__('pathlib').Path({str(path)!r}), 'training 1')\nprint('held', flush=True)\n__import__('time').sleep(60)"  # noqa: E501
    other = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    assert other.stdout.readline().strip() == b"held"
    ear = Ear()
    with device_turn("auto", "segmenting", ear, yields=True) as device:
        assert device == "cpu"
    other.kill()
    other.wait()
    with device_turn("auto", "segmenting", Ear(), yields=True) as device:
        assert device == "cuda"


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(BadInputError, match="home"), device_turn("cuda", "x", Ear()):
        pass
