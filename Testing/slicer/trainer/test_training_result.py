"""What a training leaves on the screen: the preview, the result, the exported model."""

import gzip

import numpy as np
import slicer
from segmenter_scene import settle, wait
from training_panel import button, finish, heard, start

from MambaMIMTrainerLib.CaseImage import readCaseImage


def test_the_result_stands_beside_what_was_before(opened, models):
    finish(opened, start(opened), models)
    words = slicer.util.findChild(opened.result.widget, "resultWords").text
    assert "0.800" in words
    assert "0.500 before" in words
    table = slicer.util.findChild(opened.result.widget, "resultScores")
    assert [table.item(0, column).text() for column in range(3)] == ["Liver", "0.600", "0.900"]
    assert opened.form.models.select("abdomen-1")
    assert opened.ui.modelNameEdit.text == "abdomen-2"
    assert button(opened).text == "Start training"


def test_the_model_is_exported_as_one_file(opened, models, dialogs, tmp_path):
    finish(opened, start(opened), models)
    dialogs.answer(str(tmp_path / "for a colleague"))
    slicer.util.findChild(opened.result.widget, "exportButton").click()
    copy = tmp_path / "for a colleague.safetensors"
    wait(copy.is_file)
    settle()
    assert copy.read_bytes() == (models / "abdomen-1.safetensors").read_bytes()
    dialogs.answer(str(tmp_path / "no" / "such" / "file"))
    (tmp_path / "no").write_bytes(b"")
    slicer.util.findChild(opened.result.widget, "exportButton").click()
    settle()
    assert "could not" in slicer.util.findChild(opened.result.widget, "message").text


def test_the_preview_lies_over_the_validation_case(opened, tmp_path):
    tail = start(opened)
    case = opened.trainingSet.project.case("case-0002")
    path = tmp_path / f"{case.id}.nii.gz"
    path.write_bytes(case.label.read_bytes())
    tail.tell("preview", path=str(path))
    wait(lambda: opened.preview.volume is not None and opened.preview._steps is None)
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert len(nodes) == 1
    found = slicer.util.arrayFromSegmentBinaryLabelmap(nodes[0], "liver", opened.preview.volume)
    data = gzip.decompress(case.label.read_bytes())[352:]
    stored = np.frombuffer(data, np.uint8).reshape(case.shape, order="F")
    np.testing.assert_array_equal(found.T, stored == 1)
    tail.tell("preview", path=str(path))
    heard(tail)
    wait(lambda: opened.preview._steps is None)
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


def test_a_damaged_preview_stops_nothing(opened, tmp_path):
    tail = start(opened)
    (tmp_path / "case-0002.nii.gz").write_bytes(b"no gzip")
    tail.tell("preview", path=str(tmp_path / "case-0002.nii.gz"))
    heard(tail)
    settle(0.3)
    assert opened.desk.busy


def test_case_images_are_read_as_they_were_written(opened):
    from trainer_panel import body

    case = opened.trainingSet.project.cases[0]
    np.testing.assert_array_equal(readCaseImage(case.image).T, body(0)[0])
