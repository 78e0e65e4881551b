import platform
import subprocess
import sys

import pytest

# Clears and frees a buffer again and again, and counts the pages that the kernel had to hand out.
CODE = """
import resource, sys
import numpy as np
from mambamim.memory import keep_large_buffers
if sys.argv[1] == "kept":
    assert keep_large_buffers()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(20_000_000)
before = faults()
for _ in range(5):
    np.ones(20_000_000)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc maps each buffer anew")
def test_large_buffers_are_reused():
    def faults(how: str) -> int:
        run = subprocess.run(
            [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
        )
        return int(run.stdout)

    assert faults("kept") < 0.1 * faults("plain")
