import dataclasses
import time

import pytest
import qt
from events import heard, wait_for
from model_files import write_model

from mambamim.catalogue import list_models, record_seconds, user_models_folder
from MambaMIMLib import ModelSelector as modelSelectorModule
from MambaMIMLib.ModelSelector import ModelSelector


@pytest.fixture(autouse=True)
def home(app, tmp_path, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MAMBAMIM_MODELS", raising=False)


def _child(selector, kind, name):
    return selector.widget.findChild(kind, name)


def _list(selector):
    return _child(selector, qt.QListWidget, "modelList")


def _lines(selector):
    table = _list(selector)
    rows = [table.itemWidget(table.item(row)) for row in range(table.count)]
    return [[label.text for label in row.findChildren(qt.QLabel)] for row in rows]


def _rows_text(selector):
    table = _list(selector)
    return [table.item(row).toolTip() for row in range(table.count)]


def test_the_built_in_model_is_selected_at_first(app):
    selector = ModelSelector()
    assert selector.currentEntry.name == "abdomen-small"
    assert _list(selector).currentRow == 0
    assert ModelSelector(("pretraining",)).currentEntry.name == "ct-mim-small"
    assert ModelSelector(modality="MR").currentEntry.name == "hippocampus-small"


def test_choosing_and_searching(app):
    record_seconds("abdomen-small", "cpu torch", 41.9)
    selector = ModelSelector()
    changes = heard(selector.modelChanged)
    assert (
        "CT \u00b7 20 classes \u00b7 Apache-2.0 \u00b7 about 40 s here" in _rows_text(selector)[0]
    )
    _list(selector).currentRow = 1
    assert [entry.name for (entry,) in changes] == ["hippocampus-small"]
    search = _child(selector, qt.QLineEdit, "modelSearch")
    search.text = "pancreas"
    assert [text.split("\n")[0] for text in _rows_text(selector)] == [
        "Abdominal organs in CT, small network for any computer"
    ]
    assert selector.currentEntry.name == "hippocampus-small"  # what is hidden stays selected
    search.text = "elbow"
    nothing = _child(selector, qt.QLabel, "noModel")
    assert (nothing.text, nothing.isHidden()) == ("No model matches.", False)
    assert selector.select("abdomen-small")
    assert (search.text, _list(selector).currentRow) == ("", 0)
    assert not selector.select("no-such-model")
    assert [entry.name for (entry,) in changes] == ["hippocampus-small", "abdomen-small"]


def test_a_broken_file_is_shown_and_cannot_be_chosen(app):
    user_models_folder().mkdir(parents=True)
    (user_models_folder() / "broken.safetensors").write_bytes(b"nothing at all")
    selector = ModelSelector()
    table = _list(selector)
    assert "is no checkpoint" in _rows_text(selector)[-1]
    table.currentRow = table.count - 1
    assert selector.currentEntry.name == "abdomen-small"
    assert not selector.select("broken")


def test_a_broken_file_of_the_users_can_be_removed(app, dialogs):
    path = user_models_folder() / "broken.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing at all")
    selector = ModelSelector()
    table = _list(selector)
    row = table.itemWidget(table.item(table.count - 1))
    row.findChild(qt.QPushButton, "removeBrokenModel").click()
    wait_for(lambda: dialogs.shown)  # answered with no
    assert path.exists()
    dialogs.answer(True)
    row = table.itemWidget(table.item(table.count - 1))
    row.findChild(qt.QPushButton, "removeBrokenModel").click()
    wait_for(lambda: not path.exists())
    assert not any("broken" in text for text in _rows_text(selector))
    assert selector.currentEntry.name == "abdomen-small"


def test_a_broken_file_elsewhere_stays(app, tmp_path, monkeypatch):
    (tmp_path / "broken.safetensors").write_bytes(b"nothing at all")
    monkeypatch.setenv("MAMBAMIM_MODELS", str(tmp_path))
    selector = ModelSelector()
    assert "is no checkpoint" in _rows_text(selector)[-1]
    assert _child(selector, qt.QPushButton, "removeBrokenModel") is None


def test_long_titles_are_cut_and_the_panel_stays_narrow(app, tmp_path):
    write_model(user_models_folder() / "long.safetensors", title="An organ in a scan " * 9)
    selector = ModelSelector(modality=None)
    selector.widget.resize(300, 300)
    selector.widget.show()
    app.processEvents()
    cut = [lines[0] for lines in _lines(selector) if lines[0].startswith("An organ")]
    assert cut[0].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert selector.widget.minimumSizeHint.width() <= 300
    selector.widget.hide()


def test_a_file_is_added_and_selected(app, tmp_path):
    selector = ModelSelector()
    changes = heard(selector.modelChanged)
    selector.addFile(write_model(tmp_path / "mine.safetensors"))
    wait_for(lambda: changes)
    assert selector.currentEntry.path == user_models_folder() / "mine.safetensors"
    assert [entry.name for (entry,) in changes] == ["mine"]


def test_what_cannot_be_added_is_told(app, tmp_path):
    selector = ModelSelector()
    told = heard(selector.failed)
    selector.addFile(write_model(tmp_path / "encoder.safetensors", kind="pretraining"))
    selector.addFile(tmp_path / "gone.safetensors")
    assert [message.split(" ")[0] for message, _ in told] == ["encoder.safetensors", "There"]
    assert selector.currentEntry.name == "abdomen-small"


def test_the_authors_files_are_handed_on(app, tmp_path):
    selector = ModelSelector()
    asked = heard(selector.convertRequested)
    selector.addFile(str(tmp_path / "weights.PTH"))
    assert asked == [(str(tmp_path / "weights.PTH"),)]


def _drop(widget, paths):
    data = qt.QMimeData()
    data.setUrls([qt.QUrl.fromLocalFile(str(path)) for path in paths])
    place = qt.QPoint(5, 5)
    flags = (qt.Qt.CopyAction, data, qt.Qt.LeftButton, qt.Qt.NoModifier)
    enter = qt.QDragEnterEvent(place, *flags)
    qt.QApplication.sendEvent(widget, enter)
    if enter.isAccepted():
        qt.QApplication.sendEvent(widget, qt.QDropEvent(qt.QPointF(place), *flags))
    return enter.isAccepted()


def test_files_are_dropped(app, tmp_path):
    selector = ModelSelector()
    asked = heard(selector.convertRequested)
    changes = heard(selector.modelChanged)
    model = write_model(tmp_path / "dropped.safetensors")
    assert _drop(selector.widget, [tmp_path / "a.pth", model, tmp_path / "notes.txt"])
    wait_for(lambda: changes)
    assert [name for (name,) in asked] == [str(tmp_path / "a.pth")]
    assert selector.currentEntry.name == "dropped"
    assert not _drop(selector.widget, [tmp_path / "scan.nii.gz"])  # Slicer's own business


def test_the_button_opens_a_file(app, tmp_path, dialogs):
    selector = ModelSelector()
    changes = heard(selector.modelChanged)
    dialogs.answer(str(write_model(tmp_path / "mine.safetensors")))
    _child(selector, qt.QPushButton, "addModel").click()
    wait_for(lambda: changes)
    assert selector.currentEntry.name == "mine"
    _child(selector, qt.QPushButton, "addModel").click()  # cancelled
    assert len(changes) == 1


def test_own_models_are_removed_after_a_question(app, dialogs):
    path = write_model(user_models_folder() / "mine.safetensors")
    selector = ModelSelector()
    remove = _child(selector, qt.QPushButton, "removeModel")
    assert remove.isHidden()
    selector.select("mine")
    assert not remove.isHidden()
    remove.click()  # answered with no
    assert path.exists()
    dialogs.answer(True)
    remove.click()
    assert not path.exists()
    assert selector.currentEntry.name == "abdomen-small"


def test_a_file_that_is_gone_is_no_longer_selected(app):
    path = write_model(user_models_folder() / "mine.safetensors")
    selector = ModelSelector()
    selector.select("mine")
    changes = heard(selector.modelChanged)
    path.unlink()
    selector.refresh()
    assert [entry.name for (entry,) in changes] == ["abdomen-small"]
    selector.refresh()
    assert len(changes) == 1


def test_details_on_demand(app):
    selector = ModelSelector()
    details = _child(selector, qt.QTextBrowser, "modelDetails")
    assert details.isHidden()
    assert details.plainText == ""
    _child(selector, qt.QToolButton, "disclosure").click()
    assert not details.isHidden()
    assert "Right kidney" in details.plainText
    selector.select("hippocampus-small")
    assert "Anterior hippocampus" in details.plainText


def test_a_picture_where_the_catalogue_has_one(app, tmp_path, monkeypatch):
    picture = qt.QPixmap(200, 100)
    picture.fill(qt.QColor(255, 0, 0))
    assert picture.save(str(tmp_path / "organs.png"))
    entries = [dataclasses.replace(e, thumbnail=tmp_path / "organs.png") for e in list_models()]
    monkeypatch.setattr(modelSelectorModule, "list_models", lambda: entries)
    selector = ModelSelector()
    row = _list(selector).itemWidget(_list(selector).item(0))
    label = row.findChild(qt.QLabel, "thumbnail")
    assert (label.pixmap.width(), label.pixmap.height()) == (36, 18)


def test_many_models_open_quickly(app):
    for number in range(50):
        write_model(user_models_folder() / f"model-{number}.safetensors")
    began = time.perf_counter()
    selector = ModelSelector()
    assert _list(selector).count == 52
    assert time.perf_counter() - began < 0.5
