"""What preparing takes at most is told from headers alone."""

import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scan_files import save, smooth, write_dicom

from mambamim.data.prepared_store import estimate, prepare
from mambamim.data.scan_source import ScanSource

RNG = np.random.default_rng(0)


def test_the_estimate_is_an_upper_bound_of_the_disk(tmp_path):
    shape = (70, 66, 40)
    noise = RNG.normal(0, 90, shape).astype(np.float32)
    labels = RNG.integers(0, 256, shape).astype(np.uint8)
    image = save(tmp_path / "noise.nii.gz", noise)
    sources = [
        ScanSource(image, save(tmp_path / "label.nii.gz", labels), "CT"),
        ScanSource(save(tmp_path / "tiny.nii", noise[:4, :5, :3])),
        ScanSource(write_dicom(tmp_path / "series", smooth((30, 40, 20)), 2.0)),
    ]
    sitk.WriteImage(sitk.GetImageFromArray(noise), str(tmp_path / "a.mha"))
    sources.append(ScanSource(tmp_path / "a.mha", None, "CT"))
    for spacing in ((3.0, 3.0, 3.0), (2.0, 4.0, 1.7), None):
        for source in sources:
            bound = estimate([source], spacing)
            (case,) = prepare([source], tmp_path / "store", spacing).cases
            index = len(json.dumps(case.to_json()))
            assert index + sum(case.bytes.values()) <= bound.disk_bytes
            assert bound.disk_bytes < 9 * np.prod(case.shape) + 200_000  # not just any large one
        total = estimate(sources, spacing)
        assert total.disk_bytes == sum(estimate([s], spacing).disk_bytes for s in sources)
        assert total.ram_bytes == max(estimate([s], spacing).ram_bytes for s in sources)
    assert estimate([ScanSource(tmp_path / "gone.nii")], None).disk_bytes == 0
    assert total.describe() == (
        "Preparing 4 scans takes up to 2.42 MB of disk and 39.1 MB of memory."
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux counts it")
def test_the_estimate_is_an_upper_bound_of_the_memory(tmp_path):
    scan = RNG.integers(0, 500, (250, 250, 160))
    whole, scaled = tmp_path / "int.nii", tmp_path / "float.nii"
    save(whole, scan.astype(np.int16), (1.0, 1.0, 1.0))
    save(scaled, scan.astype(np.float32), (1.0, 1.0, 1.0))
    small = save(tmp_path / "small.nii", smooth((30, 30, 30)))
    script = f"""
import re, sys
from pathlib import Path
from mambamim.data.prepared_store import estimate, prepare
from mambamim.data.scan_lists import find_scans
spacing = [float(sys.argv[2])] * 3
scans = find_scans([sys.argv[1]], "MR")
prepare(find_scans([{str(small)!r}]), {str(tmp_path / "store")!r}, spacing)
status = Path("/proc/self/status")
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
before = peak()
prepare(scans, {str(tmp_path / "store")!r}, spacing)
assert 5e7 < peak() - before < estimate(scans, spacing).ram_bytes, peak() - before
"""
    for path, mm in ((whole, "1.5"), (scaled, "0.9")):
        subprocess.run([sys.executable, "-c", script, path, mm], check=True)
