"""Scans of two blobs as arrays, and projects filled with them."""

import numpy as np

AFFINE = np.array([[-3.0, 0, 0, 40], [0, -3, 0, 20], [0, 0, 3, -7], [0, 0, 0, 1]])
VALUES = {1: "dim", 2: "bright"}


def blob_arrays(number, shape=(24, 20, 22)):
    rng = np.random.default_rng(number)
    ct = rng.normal(-100, 12, shape)
    labels = np.zeros(shape, np.uint8)
    for value, hu, low in ((1, 70, 1), (2, 220, 12)):
        x, y, z = low + rng.integers(0, 4), rng.integers(2, 8), rng.integers(2, 8)
        box = (slice(x, x + 7), slice(y, y + 8), slice(z, z + 8))
        ct[box] += hu + 100
        labels[box] = value
    return ct.astype(np.int16), labels


def fill(project, count, **more):
    for number in range(count):
        project.add_case(*blob_arrays(number), AFFINE, VALUES, **more)
    return project
