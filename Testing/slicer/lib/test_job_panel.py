import pytest
import qt
from events import heard

from MambaMIMLib import JobPanel as jobPanelModule
from MambaMIMLib.JobPanel import JobPanel
from MambaMIMLib.WorkerJob import JobFailure, WorkerJob


@pytest.fixture
def panel(app):
    panel = JobPanel("Segment abdomen")
    panel.widget.show()
    yield panel
    panel.end()
    panel.widget.hide()


@pytest.fixture
def job():
    asked = []
    job = WorkerJob(lambda number: number, asked.append)
    job_asked[job.id] = asked
    return job


job_asked: dict = {}


def _button(panel):
    return panel.widget.findChild(qt.QPushButton, "jobButton")


def _cancel(panel):
    return panel.widget.findChild(qt.QPushButton, "jobCancel")


def _text(panel, name):
    return panel.widget.findChild(qt.QLabel, name).text


def _bar(panel):
    return panel.widget.findChild(qt.QProgressBar, "jobProgress")


def _message(panel):
    area = panel.widget.findChild(qt.QFrame, "messageArea")
    return "" if area.isHidden() else _text(panel, "message")


def _log(panel):
    return panel.widget.findChild(qt.QPlainTextEdit, "jobLog").plainText


def test_the_button(panel):
    pressed = heard(panel.clicked)
    assert (_button(panel).text, _button(panel).height) == ("Segment abdomen", 40)
    _button(panel).click()
    panel.setButton("Segment hippocampus", False, "Select a volume first.")
    _button(panel).click()
    assert pressed == [()]
    assert _button(panel).toolTip == "Select a volume first."


def test_cancel_takes_the_buttons_place(panel, job):
    before = (_button(panel).visible, _cancel(panel).visible, panel.widget.sizeHint.height())
    panel.watch(job)
    after = (_button(panel).visible, _cancel(panel).visible, panel.widget.sizeHint.height())
    assert (before[:2], after[:2]) == ((True, False), (False, True))
    assert before[2] == after[2]  # nothing below moves
    cancelled = heard(panel.cancelled)
    _cancel(panel).click()
    assert (job_asked[job.id], cancelled) == ([job], [()])
    assert (_cancel(panel).enabled, _cancel(panel).text) == (False, "Cancelling")
    job.fail(JobFailure("cancelled", "Cancelled; nothing was written."))
    assert not panel.busy
    assert _button(panel).visible
    assert "Cancelled; nothing was written." in _message(panel)


def test_progress_in_human_words(panel, job, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(jobPanelModule.time, "monotonic", lambda: now[0])
    panel.watch(job, "Scan 2 of 5")
    assert (_bar(panel).minimum, _bar(panel).maximum) == (0, 0)  # nothing is known yet
    job.hear({"event": "progress", "fraction": 0.42, "message": "finding organs"})
    assert (_bar(panel).value, _bar(panel).maximum) == (420, 1000)
    assert (_text(panel, "jobWhat"), _text(panel, "jobTimeLeft")) == (
        "Scan 2 of 5: Finding organs",
        "",
    )
    job.hear({"event": "progress", "fraction": 0.5, "message": "x", "seconds_left": 30.2})
    assert _text(panel, "jobTimeLeft") == "30 s left"
    now[0] += 12  # it counts down between two events
    panel._tell()
    assert _text(panel, "jobTimeLeft") == "18 s left"
    now[0] += 60
    panel._tell()
    assert _text(panel, "jobTimeLeft") == "a few seconds left"


def test_a_failure_says_what_and_what_to_do(panel, job):
    panel.watch(job)
    failure = JobFailure("out_of_memory", "There is no <memory>.", "Take the CPU.", "a.py:3 in f")
    job.fail(failure)
    assert _message(panel) == "<b>There is no &lt;memory&gt;.</b><br>Take the CPU."
    assert "a.py:3 in f" in _log(panel)
    assert "a.py:3" not in _message(panel)
    panel.begin("Again")
    assert _message(panel) == ""


@pytest.mark.parametrize("kind", ["cancelled", "stopped"])
def test_what_somebody_wanted_is_no_error(panel, job, kind):
    panel.watch(job)
    job.fail(JobFailure(kind, "The scene was closed."))
    assert (panel._message.level, _message(panel)) == ("info", "The scene was closed.")


def test_messages_of_a_run_stay_when_it_ends(panel, job):
    panel.watch(job)
    job.hear({"event": "log", "level": "info", "message": "Model abdomen-small"})
    assert _message(panel) == ""
    job.hear({"event": "log", "level": "warning", "message": "No GPU: the CPU is used."})
    job.hear({"event": "result", "result": {}})
    assert not panel.busy
    assert _message(panel) == "No GPU: the CPU is used."
    assert [line[10:] for line in _log(panel).splitlines()] == [
        "Model abdomen-small",
        "No GPU: the CPU is used.",
    ]
    panel.showMessage("")
    assert _message(panel) == ""


def test_work_before_and_after_the_job(panel, job):
    cancelled = heard(panel.cancelled)
    panel.begin("Reading the volume")
    assert (panel.busy, _text(panel, "jobWhat")) == (True, "Reading the volume")
    _cancel(panel).click()
    assert cancelled == [()]
    panel.watch(job)
    assert _cancel(panel).enabled
    job.succeeded.connect(lambda result: panel.begin("Showing the result"))
    job.hear({"event": "result", "result": {}})
    assert (panel.busy, _text(panel, "jobWhat")) == (True, "Showing the result")
    panel.end()
    assert not panel.busy


def test_a_job_that_is_no_longer_watched_is_not_heard(panel, job):
    other = WorkerJob(lambda number: number, lambda _: None)
    panel.watch(job)
    panel.watch(other)
    job.hear({"event": "progress", "fraction": 1.0, "message": "of the first"})
    job.fail(JobFailure("error", "The first failed."))
    assert (panel.busy, _message(panel)) == (True, "")
    other.hear({"event": "result", "result": {}})
    assert not panel.busy


def test_the_log_opens_and_keeps_its_last_lines(panel):
    log = panel.widget.findChild(qt.QPlainTextEdit, "jobLog")
    assert not log.visible
    panel.logDisclosure.button.click()
    assert log.visible
    for number in range(2100):
        panel.log(f"line {number}")
    lines = _log(panel).splitlines()
    assert (len(lines), lines[-1][10:]) == (2000, "line 2099")


def test_long_words_do_not_widen_the_panel(panel, job):
    panel.watch(job)
    before = panel.widget.minimumSizeHint.width()
    job.hear({"event": "progress", "fraction": 0.1, "message": "a very long message " * 20})
    panel.showMessage("what " * 80, "hint " * 80, "error")
    assert panel.widget.minimumSizeHint.width() <= max(before, 300)
