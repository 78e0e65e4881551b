"""python -m slicer_stand_in MODULE.py --screenshot panel.png"""

import argparse
import sys
from pathlib import Path
from typing import Any

from . import boot, grab, open_module, show_application, shut_down, uncaught


def main(arguments: list[str] | None = None) -> int:
    """Open a module, load data if there are any, and write pictures. 0 if nothing went wrong in
    slots, 1 otherwise."""
    options = _parser().parse_args(arguments)
    boot(testing=False)
    import slicer

    volume = options.volume and slicer.util.loadVolume(str(options.volume))
    if options.segmentation:
        _load_segmentation(str(options.segmentation), volume)
    panel = open_module(options.module)
    if options.screenshot:
        print(grab(panel, options.screenshot, width=options.width))
    if options.application:
        print(grab(show_application(options.module.stem), options.application))
    failed = bool(uncaught())
    shut_down()
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="slicer_stand_in", description=main.__doc__)
    parser.add_argument("module", type=Path, help="the Python file of a scripted module")
    parser.add_argument("--screenshot", type=Path, help="PNG file for a picture of its panel")
    parser.add_argument("--application", type=Path, help="PNG file for the panel and the views")
    parser.add_argument("--width", type=int, default=480, help="of the panel, pixels (default 480)")
    parser.add_argument("--volume", type=Path, help="a volume to load first")
    parser.add_argument("--segmentation", type=Path, help="a segmentation or a label map over it")
    return parser


def _load_segmentation(path: str, volume: Any) -> None:
    import slicer

    if path.endswith(".seg.nrrd"):
        node = slicer.util.loadSegmentation(path)
    else:
        labels = slicer.util.loadLabelVolume(path, {"show": False})
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", labels.GetName())
        node.CreateDefaultDisplayNodes()
        if volume is not None:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, node)
        slicer.mrmlScene.RemoveNode(labels)
    node.CreateClosedSurfaceRepresentation()


if __name__ == "__main__":
    sys.exit(main())
