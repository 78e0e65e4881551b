"""Small scans on the disk, with a patient's name in them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage

from mambamim.data.scan_source import ScanSource


def save(path: Path, data: np.ndarray, mm: tuple[float, ...] = (3.0, 3.0, 3.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, np.diag([*mm, 1.0]))
    image.header["descrip"] = b"Doe^Jane"
    nib.save(image, path)
    return path


def smooth(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, shape)
    return (ndimage.gaussian_filter(noise, 1.5) * 1500 - 50).astype(np.int16)


def labelled(folder: Path, shape: tuple[int, ...] = (12, 14, 10)) -> ScanSource:
    labels = np.zeros(shape, np.uint8)
    labels[2:6, 3:9, 1:4] = 1
    labels[8:11, 3:9, 5:8] = 7
    image = save(folder / "ct.nii.gz", smooth(shape))
    return ScanSource(image, save(folder / "label.nii.gz", labels), "CT")


def write_dicom(folder: Path, ct: np.ndarray, mm: float) -> Path:
    folder.mkdir(parents=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, plane in enumerate(np.moveaxis(ct, 2, 0)):
        image = sitk.GetImageFromArray(np.ascontiguousarray(plane.T))
        image.SetSpacing((mm, mm))
        tags = {"0008|0060": "CT", "0010|0010": "Doe^Jane", "0010|0020": "4711",
                "0008|0020": "17760704", "0010|0030": "17430413",
                "0020|000e": "1.2.3", "0008|0018": f"1.2.3.{number + 1}",
                "0020|0013": str(number), "0020|0032": f"0\\0\\{mm * number}",
                "0020|0037": "1\\0\\0\\0\\1\\0", "0018|0050": str(mm)}  # fmt: skip
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{number:03}.dcm"))
        writer.Execute(image)
    return folder
