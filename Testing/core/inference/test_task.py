from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import mambamim.inference.task as task_module
from mambamim.catalogue.timings import read_seconds
from mambamim.errors import BadInputError, Cancelled
from mambamim.inference.batch import Case, plan_batch
from mambamim.inference.task import SegmentTask, segment_file

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])


class FakeSegmenter:
    """Calls everything above 100 HU liver; the lower half of it spleen."""

    labels = {1: "liver", 2: "spleen"}  # noqa: RUF012

    def __init__(self):
        self.calls = []

    def describe(self):
        return {"device": "cpu", "runtime": "fake"}

    def segment(self, volume, affine, progress=None, cancel=None, **options):
        self.calls.append(options)
        progress(0.0, "looking")
        labels = (volume > 100).astype(np.uint8)
        labels[..., : volume.shape[2] // 2] *= 2
        if options["preview"] is not None:
            options["preview"](labels)
        if cancel():
            raise Cancelled
        progress(1.0, "found")
        return labels


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MAMBAMIM_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def scan(tmp_path):
    ct = np.full((12, 14, 10), -1000, np.int16)
    ct[3:9, 4:10, 2:8] = 150
    path = tmp_path / "in" / "ct.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(ct, AFFINE), path)
    return path


def everything(folder: Path, scan: Path, **more) -> SegmentTask:
    return SegmentTask(
        scan,
        folder / "organs.nii.gz",
        statistics=folder / "organs.csv",
        picture=folder / "organs.png",
        preview=folder / "first.nii.gz",
        **more,
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_everything_asked_for_is_written_on_the_grid_of_the_scan(scan, tmp_path):
    task = everything(tmp_path / "out", scan)
    seen, previews = [], []
    outcome = segment_file(
        task, FakeSegmenter(), lambda f, m: seen.append(f), preview=previews.append
    )
    found = nib.load(task.output)
    assert np.array_equal(found.affine, AFFINE)
    assert np.asarray(found.dataobj).sum() == 6 * 6 * 3 * (1 + 2)
    assert previews == [task.preview]
    assert [row.name for row in outcome.statistics] == ["liver", "spleen"]
    assert outcome.statistics[0].volume_ml == pytest.approx(6 * 6 * 3 * 12 / 1000)
    assert outcome.files[-1] == task.output
    assert all(path.stat().st_size for path in outcome.files)
    assert len(outcome.files) == 4
    assert not outcome.skipped
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert "liver" in task.statistics.read_text()


def test_options_reach_the_segmenter(scan, tmp_path):
    fake = FakeSegmenter()
    box = ((-20.0, -20.0, 0.0), (0.0, 0.0, 30.0))
    task = SegmentTask(
        scan,
        tmp_path / "o.nii.gz",
        quality="coarse",
        roi=box,
        organs=("liver",),
        keep_largest=True,
    )
    outcome = segment_file(task, fake)
    (options,) = fake.calls
    assert (options["quality"], options["organs"]) == ("coarse", ["liver"])
    assert options["keep_largest"]
    assert np.array_equal(options["roi"], box)
    assert options["preview"] is None
    assert [row.name for row in outcome.statistics] == ["liver"]


def test_what_exists_is_skipped_unless_overwritten(scan, tmp_path):
    task = everything(tmp_path, scan)
    task.output.write_bytes(b"edited by hand")
    fake = FakeSegmenter()
    assert segment_file(task, fake).skipped
    assert not fake.calls
    assert task.output.read_bytes() == b"edited by hand"
    again = everything(tmp_path, scan, overwrite=True)
    assert not segment_file(again, fake).skipped
    assert nib.load(task.output).shape == (12, 14, 10)


def test_cancel_leaves_nothing(scan, tmp_path):
    task = everything(tmp_path / "out", scan)
    asked = []

    def cancel() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        segment_file(task, FakeSegmenter(), cancel=cancel)
    assert not files(tmp_path / "out")


@pytest.mark.parametrize("step", ["write_statistics", "write_overlay", "write_label_map"])
@pytest.mark.parametrize("error", [BadInputError("the disk is full"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_nothing(scan, tmp_path, monkeypatch, step, error):
    def fail(path, *rest):
        if path.name != "first.nii.gz":
            raise error
        real(path, *rest)

    real = getattr(task_module, step)
    monkeypatch.setattr(task_module, step, fail)
    with pytest.raises(type(error)):
        segment_file(everything(tmp_path / "out" / "deep", scan), FakeSegmenter())
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_older_results_alone(scan, tmp_path, monkeypatch):
    task = everything(tmp_path, scan, overwrite=True)
    segment_file(task, FakeSegmenter())
    before = task.output.read_bytes()

    def fail(*_):
        raise BadInputError("the disk is full")

    monkeypatch.setattr(task_module, "write_label_map", fail)
    without_preview = SegmentTask(scan, task.output, overwrite=True)
    with pytest.raises(BadInputError):
        segment_file(without_preview, FakeSegmenter())
    assert task.output.read_bytes() == before


def test_bad_input_is_told_before_a_network_is_loaded(tmp_path):
    def load():
        raise AssertionError("a network was loaded")

    with pytest.raises(BadInputError, match=r"absent\.nii\.gz"):
        segment_file(SegmentTask(tmp_path / "absent.nii.gz", tmp_path / "o.nii.gz"), load)
    assert not files(tmp_path)


def test_a_place_that_cannot_be_written_is_told_before_the_work(scan, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "o.nii.gz", Path("/proc/o.nii.gz")):
        fake = FakeSegmenter()
        with pytest.raises(BadInputError, match=r"o\.nii\.gz"):
            segment_file(SegmentTask(scan, place), fake)
        assert not fake.calls


def test_measured_seconds_are_kept_for_whole_cases_of_catalogue_models(scan, tmp_path):
    segment_file(
        SegmentTask(scan, tmp_path / "a.nii.gz", model=str(tmp_path / "m")), FakeSegmenter()
    )
    segment_file(SegmentTask(scan, tmp_path / "b.nii.gz", quality="coarse"), FakeSegmenter())
    assert read_seconds() == {}
    segment_file(SegmentTask(scan, tmp_path / "c.nii.gz"), FakeSegmenter())
    assert list(read_seconds()["abdomen-small"]) == ["cpu fake"]


@pytest.mark.parametrize(
    "fields",
    [
        {"output": Path("organs.stl")},
        {"output": Path("ct.nii.gz")},
        {"statistics": Path("organs.txt")},
        {"picture": Path("organs.nii.gz")},
        {"preview": Path("organs.nii.gz")},
        {"quality": "best"},
        {"roi": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)},
        {"roi": ((1.0, 2.0, float("nan")), (4.0, 5.0, 6.0))},
    ],
)
def test_a_task_that_makes_no_sense_is_refused(fields):
    with pytest.raises(BadInputError):
        SegmentTask(**{"input": Path("ct.nii.gz"), "output": Path("organs.nii.gz"), **fields})


def test_a_task_is_made_of_a_jobs_parameters():
    task = SegmentTask.from_parameters(
        {
            "input": "ct.nii.gz",
            "output": "o.nrrd",
            "roi": [[0, 0, 0], [1, 2, 3]],
            "organs": ["liver"],
            "statistics": None,
            "overwrite": True,
        }
    )
    assert task == SegmentTask(
        Path("ct.nii.gz"),
        Path("o.nrrd"),
        roi=((0, 0, 0), (1, 2, 3)),
        organs=("liver",),
        overwrite=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input", None),
        ("input", 7),
        ("output", ""),
        ("model", None),
        ("overwrite", "yes"),
        ("organs", "liver"),
        ("roi", [1, 2, 3, 4, 5, 6]),
        ("roi", [["a", 0, 0], [1, 2, 3]]),
        ("unheard_of", 1),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(name, value):
    parameters = {"input": "ct.nii.gz", "output": "o.nrrd", name: value}
    with pytest.raises(BadInputError, match=f"'{name}'"):
        SegmentTask.from_parameters(parameters)


def make_batch(root: Path) -> Path:
    root.mkdir()
    for name in ("b.nii.gz", "a.nrrd", "c.mhd", "notes.txt", ".hidden.nii.gz"):
        (root / name).write_bytes(b"x")
    (root / "series").mkdir()
    (root / "series" / "0001").write_bytes(bytes(128) + b"DICM")
    (root / "other").mkdir()
    return root


def test_a_folder_in_is_a_folder_out_with_the_same_names(tmp_path):
    root, out = make_batch(tmp_path / "in"), tmp_path / "out"
    assert plan_batch([root], out) == [
        Case(root / "a.nrrd", out / "a.nrrd"),
        Case(root / "b.nii.gz", out / "b.nii.gz"),
        Case(root / "c.mhd", out / "c.mha"),
        Case(root / "series", out / "series.nii.gz"),
    ]
    assert not out.exists()


def test_one_scan_goes_to_a_file_or_into_a_folder(tmp_path):
    root = make_batch(tmp_path / "in")
    scan, series, target = root / "b.nii.gz", root / "series", tmp_path / "x.seg.nrrd"
    assert plan_batch([scan], target) == [Case(scan, target)]
    assert plan_batch([series], target) == [Case(series, target)]
    assert plan_batch([scan], tmp_path) == [Case(scan, tmp_path / "b.nii.gz")]
    absent = tmp_path / "absent.nii.gz"
    assert plan_batch([absent, scan], tmp_path)[0] == Case(absent, tmp_path / "absent.nii.gz")


def test_batches_that_make_no_sense_are_refused(tmp_path):
    root = make_batch(tmp_path / "in")
    with pytest.raises(BadInputError, match="no scan"):
        plan_batch([root / "other"], tmp_path / "out")
    with pytest.raises(BadInputError, match="4 scans for the one output"):
        plan_batch([root], tmp_path / "x.nii.gz")
    with pytest.raises(BadInputError, match=r"x\.stl"):
        plan_batch([root / "b.nii.gz"], tmp_path / "x.stl")
    twin = tmp_path / "b.nii.gz"
    with pytest.raises(BadInputError, match=r"b\.nii\.gz"):
        plan_batch([root / "b.nii.gz", twin], tmp_path / "out")


def test_channels_are_one_case(tmp_path):
    names = ("b_0000.nii.gz", "b_0001.nii.gz", "c_0000.mha", "c_0001.mha")
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    files, out = [tmp_path / "in" / name for name in names], tmp_path / "out"
    assert plan_batch([tmp_path / "in"], out, True) == [
        Case(files[0], out / "b.nii.gz", (files[1],)),
        Case(files[2], out / "c.mha", (files[3],)),
    ]
    assert plan_batch(files[:2], tmp_path / "x.nii.gz", True) == [
        Case(files[0], tmp_path / "x.nii.gz", (files[1],))
    ]
    assert len(plan_batch(files, out)) == 4
    files[0].unlink()
    with pytest.raises(BadInputError, match="channels of b are numbered 0001"):
        plan_batch([tmp_path / "in"], out, True)
    with pytest.raises(BadInputError, match="some inputs are files and some are folders"):
        plan_batch([tmp_path / "in", files[2]], out, True)


def test_all_channels_reach_the_segmenter(scan, tmp_path):
    """As files of their own, and as the fourth axis of one."""
    one = np.asarray(nib.load(scan).dataobj)
    other, joint = tmp_path / "other.nii.gz", tmp_path / "joint.nii.gz"
    nib.save(nib.Nifti1Image(one + 7, AFFINE), other)
    nib.save(nib.Nifti1Image(np.stack([one, one + 7], -1), AFFINE), joint)
    seen = []

    class Sees(FakeSegmenter):
        def segment(self, volume, affine, *how, **options):
            seen.append(volume)
            return super().segment(volume[0], affine, *how, **options)

    for number, given in enumerate((
        {"input": str(scan), "channels": [str(other)]}, {"input": str(joint)},
    )):  # fmt: skip
        output = tmp_path / f"{number}.nii.gz"
        task = SegmentTask.from_parameters({**given, "output": str(output)})
        segment_file(task, Sees())
        assert np.array_equal(seen[number], np.stack([one, one + 7]))
        written = nib.load(output)
        assert written.shape == one.shape
        assert np.array_equal(written.affine, AFFINE)
    with pytest.raises(BadInputError, match="two channels are one file"):
        SegmentTask(scan, tmp_path / "x.nii", channels=(scan,))
