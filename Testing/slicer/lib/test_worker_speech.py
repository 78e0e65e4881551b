from MambaMIMLib.WorkerSpeech import WorkerSpeech


def test_events_come_whole_and_prints_are_dropped(app):
    speech = WorkerSpeech()
    assert speech.hear(b'hello\n{"event": "ready", "pid"') == []
    assert [e["event"] for e in speech.hear(b': 7}\n{"event": "log", "id": "a"}\n')] == [
        "ready",
        "log",
    ]


def test_the_last_complaints_are_kept(app):
    speech = WorkerSpeech()
    speech.complain(b"".join(b"line %d\n" % number for number in range(70)))
    lines = speech.complaints().splitlines()
    assert (len(lines), lines[-1]) == (50, "line 69")
