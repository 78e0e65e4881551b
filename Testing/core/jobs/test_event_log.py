import pytest

from mambamim.errors import BadInputError
from mambamim.jobs.event_log import append_event, read_events
from mambamim.jobs.protocol import event_line


def test_events_are_read_on_from_where_one_was(tmp_path):
    run = tmp_path / "deep" / "run"
    assert read_events(run) == ([], 0)
    append_event(run, event_line("started", "a"))
    events, position = read_events(run)
    assert [event["event"] for event in events] == ["started"]
    append_event(run, event_line("result", "a", result={"x": 1}))
    events, position = read_events(run, position)
    assert [event["event"] for event in events] == ["result"]
    assert read_events(run, position) == ([], position)
    events, first = read_events(run)
    assert read_events(run, 0, first)[0] == events
    (event,), middle = read_events(run, 0, first - 1)  # the last line is not whole then
    assert event["event"] == "started"
    assert read_events(run, middle, middle) == ([], middle)


def test_a_line_that_is_still_being_written_waits(tmp_path):
    whole = event_line("preview", "a", path="ä.npy")
    append_event(tmp_path, whole + whole[:20])
    events, position = read_events(tmp_path)
    assert len(events) == 1
    append_event(tmp_path, whole[20:])
    assert [event["event"] for event in read_events(tmp_path, position)[0]] == ["preview"]


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="run folder"):
        append_event(tmp_path / "file" / "run", event_line("started", "a"))
