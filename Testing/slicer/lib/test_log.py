import logging

import pytest
import slicer

from MambaMIMLib import Log


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("could not read /home/ann/Ann Smith.nii.gz now", "could not read <file> <file> now"),
        ("could not read '/home/ann/Ann Smith.nii.gz' now", "could not read <file> now"),
        (r'at "C:\Users\Ann Smith\ct.nrrd": no', "at <file>: no"),
        (r"at C:\Users\smith\ct.nrrd, no", "at <file>, no"),
        ("smith_ann_1951.DCM is damaged", "<file> is damaged"),
        ("~/patients/smith", "<file>"),
        ('File "/opt/slicer/lib/torch/nn/conv.py", line 3', "File nn/conv.py, line 3"),
        ("12 ml/s and 3/4 of it, 1.5 mm", "12 ml/s and 3/4 of it, 1.5 mm"),
        ("mambamim.jobs.worker", "mambamim.jobs.worker"),
    ],
)
def test_paths_and_files_are_taken_out(app, text, cleaned):
    assert Log.clean(text) == cleaned


def test_names_are_taken_out_as_whole_words_whatever_their_case():
    names = {"SMITH^ANN", "Smith", "CT", "liver (2)"}
    text = "smith^ann, SMITH, smithy, CT and liver (2)"
    assert Log.clean(text, names) == "<name>, <name>, smithy, CT and <name>"


def test_the_longest_name_goes_first():
    assert Log.clean("Ann Smith CT", {"Ann", "Ann Smith CT"}) == "<name>"


def test_a_name_in_a_programs_folder_goes_too():
    assert Log.clean("/home/smith/run.py failed", {"smith"}) == "<name>/run.py failed"


def test_names_of_nodes_and_of_the_hierarchy_count(scene):
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Smith Ann 1951")
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "SMITH^ANN")
    names = Log.sceneNames()
    assert {"Smith Ann 1951", "SMITH^ANN"} <= names
    assert volume.GetName() in names
    scene.Clear(False)
    assert "Smith Ann 1951" not in Log.sceneNames()


def test_no_level_writes_a_name(scene, caplog):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Smith Ann")
    with caplog.at_level(logging.INFO, "MambaMIM"):
        Log.info("Segmenting Smith Ann: 3 organs")
        Log.warning("Smith Ann is large")
        Log.error("Smith Ann.nrrd is damaged")
    assert [r.levelname for r in caplog.records] == ["INFO", "WARNING", "ERROR"]
    assert "mith" not in caplog.text
    assert "3 organs" in caplog.text


def test_an_exception_is_told_without_its_text(app, caplog):
    patient = "Smith"

    def fail(patient):
        raise KeyError(patient)

    with caplog.at_level(logging.ERROR, "MambaMIM"):
        try:
            fail(patient)
        except KeyError as error:
            Log.exception(error)
    assert "KeyError" in caplog.text
    assert "in fail" in caplog.text
    assert patient not in caplog.text
