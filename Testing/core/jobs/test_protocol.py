import json
import math

import pytest

from mambamim.jobs.protocol import (
    CancelRequest,
    JobRequest,
    RequestError,
    ShutdownRequest,
    cancel_line,
    event_line,
    job_line,
    parse_event,
    parse_request,
    shutdown_line,
)


def test_what_is_written_is_what_is_read(tmp_path):
    asked = parse_request(job_line("a", "segment", {"input": "Jürgen.nii.gz"}, tmp_path))
    assert asked == JobRequest("a", "segment", {"input": "Jürgen.nii.gz"}, tmp_path)
    assert parse_request(cancel_line("a")) == CancelRequest("a")
    assert parse_request(shutdown_line()) == ShutdownRequest()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("hello", None),
        ("[]", None),
        ("null", None),
        ("[" * 100_000, None),
        ('{"id": 7, "job": "segment"}', None),
        ('{"id": ""}', None),
        ('{"id": "a"}', "a"),
        ('{"id": "a", "job": 3}', "a"),
        ('{"id": "a", "job": "segment", "parameters": []}', "a"),
        ('{"id": "a", "job": "segment", "run": 5}', "a"),
        ('{"id": "a", "cancel": "yes"}', "a"),
        (json.dumps({"id": "a", "job": "x" * 2_000_000}), None),
    ],
)
def test_what_is_no_request_is_refused_under_its_id(line, name):
    with pytest.raises(RequestError) as refused:
        parse_request(line)
    assert refused.value.id == name
    assert refused.value.message.endswith(".")


def test_an_event_is_one_line_of_plain_ascii_without_nan():
    line = event_line("metric", "a", step=1, name="Verlust für ß\n", value=math.nan)
    assert line.isascii()
    assert line.count("\n") == 1
    event = parse_event(line)
    assert event is not None
    assert event["value"] is None
    assert event["name"] == "Verlust für ß\n"


def test_an_event_carries_what_its_kind_carries():
    with pytest.raises(ValueError, match="progress"):
        event_line("progress", "a", fraction=0.5)


@pytest.mark.parametrize("line", ["", "loading plugin...", "{", "[1]", '{"event": "party"}'])
def test_other_peoples_prints_are_no_events(line):
    assert parse_event(line) is None
