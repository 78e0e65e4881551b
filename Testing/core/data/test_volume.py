"""Reading: every format gives the same HU and affine; every bad input is refused plainly."""

import gzip
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mambamim.data.orientation import to_ras
from mambamim.data.volume import AIR_HU, read_volume
from mambamim.errors import BadInputError

RNG = np.random.default_rng(0)
CT = RNG.integers(-1000, 1000, (12, 14, 10)).astype(np.int16)


def oblique() -> np.ndarray:
    angle = np.radians(20)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag((-0.8, 0.9, 2.5))
    affine[:3, 3] = (40.0, -25.5, 1000.125)
    return affine


def save(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(data, oblique() if affine is None else affine), path)
    return path


def itk_image(data: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """Built without the package: LPS by hand."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    steps = np.diag((-1.0, -1.0, 1.0)) @ affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    image.SetOrigin((np.diag((-1.0, -1.0, 1.0)) @ affine[:3, 3]).tolist())
    return image


def write_series(
    folder: Path,
    data: np.ndarray,
    affine: np.ndarray,
    uid: str = "1.2.3.4",
    positions: np.ndarray | None = None,
) -> None:
    """A CT series as a scanner stores it: unsigned, with a rescale intercept of -1024."""
    folder.mkdir(exist_ok=True, parents=True)
    stored = itk_image(data, affine)  # the writer applies the rescale tags backwards
    direction = stored.GetDirection()
    cosines = [*direction[0::3], *direction[1::3]]
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in reversed(range(data.shape[2])):
        slice_ = stored[:, :, index]
        place = stored.TransformIndexToPhysicalPoint((0, 0, index))
        place = place if positions is None else positions[index]
        for key, value in {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0060": "CT",
            "0010|0010": "Doe^Jane",
            "0020|000e": uid,
            "0020|000d": "1.2.3",
            "0008|0018": f"{uid}.{index + 1}",
            "0020|0037": "\\".join(f"{part:.10g}" for part in cosines),
            "0020|0032": "\\".join(f"{part:.10g}" for part in place),
            "0020|0013": str(index),
            "0028|1052": "-1024",
            "0028|1053": "1",
            "0028|0100": "16",
            "0028|0101": "16",
            "0028|0102": "15",
            "0028|0103": "0",
        }.items():
            slice_.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{uid}.{(index * 7) % data.shape[2]:03d}.dcm"))
        writer.Execute(slice_)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_nifti(tmp_path: Path, name: str) -> None:
    volume = read_volume(save(tmp_path / name, CT))
    assert volume.array.dtype == np.int16
    assert np.array_equal(volume.array, CT)
    assert np.allclose(volume.affine, oblique(), atol=1e-4)
    assert volume.affine.dtype == np.float64


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd"])
def test_itk_formats_agree_with_nifti(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(itk_image(CT, oblique()), str(tmp_path / name))
    volume = read_volume(tmp_path / name)
    assert np.array_equal(volume.array, CT)
    assert np.allclose(volume.affine, oblique(), atol=1e-6)


def test_dicom_agrees_with_nifti(tmp_path: Path) -> None:
    write_series(tmp_path / "case" / "series", CT, oblique())
    first = (tmp_path / "case" / "series" / "1.2.3.4.000.dcm").read_bytes()
    pixels = np.frombuffer(first[-2 * 12 * 14 :], "<u2").reshape(14, 12).T
    assert np.array_equal(pixels.astype(int) - 1024, CT[:, :, 0])  # stored with an intercept
    volume = read_volume(tmp_path / "case")
    array, affine = to_ras(volume.array, volume.affine)
    expected, expected_affine = to_ras(CT, oblique())
    assert volume.array.dtype == np.int16
    assert np.array_equal(array, expected)
    assert np.allclose(affine, expected_affine, atol=1e-4)


def test_the_longest_of_several_series_is_read_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_series(tmp_path / "case", CT[:, :, :3], oblique(), uid="1.2.9")
    write_series(tmp_path / "case", CT, oblique())
    with caplog.at_level(logging.WARNING):
        volume = read_volume(tmp_path / "case")
    assert volume.array.shape == CT.shape
    assert "2 series" in caplog.text
    assert "Doe" not in caplog.text
    assert "case" not in caplog.text


def test_a_tilted_gantry_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    positions = np.zeros((10, 3))
    positions[:, 2] = 2.5 * np.arange(10)
    positions[:, 1] = 0.5 * np.arange(10)
    write_series(tmp_path / "case", CT, np.diag((1.0, 1.0, 2.5, 1.0)), positions=positions)
    with caplog.at_level(logging.WARNING):
        volume = read_volume(tmp_path / "case")
    assert "tilted by 11.3 degrees" in caplog.text
    turned, affine = to_ras(volume.array, volume.affine)
    assert np.allclose(affine[:3, 2], (0, -0.5, 2.5), atol=1e-6)
    assert np.array_equal(turned, CT)


@pytest.mark.parametrize(
    ("places", "words"),
    [([0, 1, 2, 3, 4, 5, 8, 9, 10, 11], "missing"), ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4], "one place")],
)
def test_uneven_slices_are_refused(tmp_path: Path, places: list[int], words: str) -> None:
    positions = np.zeros((10, 3))
    positions[:, 2] = places
    write_series(tmp_path / "case", CT, np.diag((-1.0, -1.0, 1.0, 1.0)), positions=positions)
    with pytest.raises(BadInputError, match=words):
        read_volume(tmp_path / "case")


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(125, dtype=np.uint8).reshape(5, 5, 5), np.eye(4))
    image.header.set_slope_inter(2.0, -1024.0)
    nib.save(image, tmp_path / "ct.nii.gz")
    raw = np.asarray(nib.load(tmp_path / "ct.nii.gz").dataobj)
    volume = read_volume(tmp_path / "ct.nii.gz")
    assert volume.array.dtype == np.float32
    assert np.allclose(volume.array, raw, atol=1e-3)


def test_types_become_plain(tmp_path: Path) -> None:
    data = CT[:5, :5, :5]
    doubles = read_volume(save(tmp_path / "double.nii.gz", data.astype(np.float64))).array
    assert doubles.dtype == np.float32
    longs = nib.Nifti1Image(data.astype(np.int64), np.eye(4), dtype="int64")
    nib.save(longs, tmp_path / "long.nii.gz")
    assert read_volume(tmp_path / "long.nii.gz").array.dtype == np.int16
    header = nib.Nifti1Header(endianness=">")
    nib.save(nib.Nifti1Image(data, np.eye(4), header), tmp_path / "big.nii")
    big = read_volume(tmp_path / "big.nii").array
    assert big.dtype.isnative
    assert np.array_equal(big, data)


def test_a_trailing_axis_of_one_is_3d(tmp_path: Path) -> None:
    volume = read_volume(save(tmp_path / "ct.nii.gz", CT[..., None]))
    assert np.array_equal(volume.array, CT)


def test_some_nan_become_air(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = CT.astype(np.float32)
    data[0, 0, :3] = (np.nan, np.inf, -np.inf)
    with caplog.at_level(logging.WARNING):
        volume = read_volume(save(tmp_path / "ct.nii.gz", data))
    assert (volume.array[0, 0, :3] == AIR_HU).all()
    assert np.array_equal(volume.array[1:], data[1:])
    assert "3 voxels" in caplog.text


def with_sform(nifti: bytes, affine: np.ndarray) -> bytes:
    """The bytes of a .nii with another sform."""
    patched = bytearray(nifti)
    patched[280:328] = affine[:3].astype("<f4").tobytes()
    return bytes(patched)


def bad_inputs(folder: Path) -> list[Path]:
    whole = save(folder / "whole.nii.gz", CT).read_bytes()
    raw = save(folder / "whole.nii", CT).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    contents = {
        "text.nii.gz": b"hello",
        "text.nii": b"hello " * 200,
        "text.nrrd": b"hello",
        "text.mha": b"hello",
        "empty.nii.gz": b"",
        "empty.nrrd": b"",
        "cut.nii.gz": whole[: len(whole) // 2],
        "cut_header.nii.gz": whole[:100],
        "cut_end.nii.gz": whole[:-4],
        "flipped.nii.gz": bytes(flipped),
        "cut.nii": raw[: len(raw) // 2],
        "cut_header.nii": raw[:200],
        "packed_text.nii.gz": gzip.compress(b"hello " * 200),
        "scan.xyz": raw,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    image = itk_image(CT, oblique())
    for name in ("whole.nrrd", "whole.mha"):
        sitk.WriteImage(image, str(folder / name), useCompression=True)
        content = (folder / name).read_bytes()
        (folder / f"cut{Path(name).suffix}").write_bytes(content[: int(len(content) * 0.6)])
        (folder / name).unlink()
    sitk.WriteImage(image, str(folder / "alone.nhdr"))
    (folder / "alone.raw").unlink(missing_ok=True)
    (folder / "alone.raw.gz").unlink(missing_ok=True)
    vectors = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    sitk.WriteImage(vectors, str(folder / "vectors.nrrd"))
    sitk.WriteImage(image[:, :, 0], str(folder / "flat.mha"))
    colours = np.zeros((5, 5, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    huge = bytearray(raw)
    huge[42:48] = np.array((30000, 30000, 30000), "<i2").tobytes()
    (folder / "huge.nii").write_bytes(huge)
    for name, column in {"zero": 0.0, "nan": np.nan}.items():  # nibabel refuses to write these
        (folder / f"{name}_affine.nii").write_bytes(with_sform(raw, np.diag((column, 1, 1, 1))))
    plane = np.eye(4)
    plane[:3, 1] = plane[:3, 0]
    (folder / "plane.nii").write_bytes(with_sform(raw, plane))
    save(folder / "flat.nii.gz", CT[:, :, 0])
    save(folder / "one_slice.nii.gz", CT[:, :, :1])
    save(folder / "series.nii.gz", np.stack([CT] * 3, -1))
    save(folder / "nan.nii.gz", np.full(CT.shape, np.nan, np.float32))
    save(folder / "complex.nii.gz", CT.astype(np.complex64))
    save(folder / "colours.nii.gz", colours)
    (folder / "folder.nii.gz").mkdir()
    (folder / "texts").mkdir()
    (folder / "texts" / "note.dcm").write_text("hello")
    for name in ("whole.nii", "whole.nii.gz"):
        (folder / name).unlink()
    return [*sorted(folder.iterdir()), folder / "absent.nii.gz", folder / "absent.nii.gz" / "x.nii"]


def test_every_bad_input_is_refused_in_one_sentence(tmp_path: Path) -> None:
    cases = bad_inputs(tmp_path)
    assert len(cases) > 28
    for path in cases:
        with pytest.raises(BadInputError) as caught:
            read_volume(path)
        error = caught.value
        assert path.name in error.message, path.name
        assert str(tmp_path) not in str(error), path.name
        assert "\n" not in str(error), path.name
        assert error.hint, path.name


def test_a_damaged_slice_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "case", CT, oblique())
    damaged = sorted((tmp_path / "case").iterdir())[4]
    damaged.write_bytes(damaged.read_bytes()[:-120])
    with pytest.raises(BadInputError):
        read_volume(tmp_path / "case")
