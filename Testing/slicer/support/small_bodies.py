"""Small scans with two organs that a few steps suffice to learn, as nodes of the scene."""

import numpy as np
import slicer
from scene_volumes import add_volume
from trainer_panel import add_segmentation

SHAPE = (48, 48, 32)  # I, J, K, voxels of 1.5 mm: one crop
_AFFINE = np.diag([1.5, 1.5, 1.5, 1.0])
NAMES = {1: "liver", 2: "spleen"}


def arrays(seed):
    """(I, J, K) soft tissue with two bright boxes somewhere, and their label map."""
    random = np.random.default_rng(seed)
    image = random.normal(-60, 10, SHAPE)
    labels = np.zeros(SHAPE, np.uint8)
    for value, hu, low in ((1, 90, 3), (2, 210, 27)):
        i, j, k = low + random.integers(0, 5), random.integers(4, 22), random.integers(3, 12)
        box = slice(i, i + 14), slice(j, j + 20), slice(k, k + 16)
        image[box] += hu + 60
        labels[box] = value
    return image.astype(np.int16), labels


def add_labelled(seed):
    """A scan and its segmentation."""
    image, labels = arrays(seed)
    volume = add_volume(image, _AFFINE, f"Scan {seed}")
    return volume, add_segmentation(volume, labels, NAMES)


def dice(segmentation, volume, seed):
    """Mean Dice of what a segmentation holds beside the truth; a segment that lacks has none."""
    _image, labels = arrays(seed)
    held = segmentation.GetSegmentation()
    ids = {held.GetSegment(i).GetName().lower(): i for i in held.GetSegmentIDs()}
    values = []
    for value, name in NAMES.items():
        truth = labels == value
        found = np.zeros(SHAPE, bool)
        if name in ids:
            array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, ids[name], volume)
            found = array.T > 0
        values.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    return float(np.mean(values))
