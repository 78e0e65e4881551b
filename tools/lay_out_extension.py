"""Lays the extension's files out as Slicer's package has them.

`python tools/lay_out_extension.py FOLDER`: with FOLDER among its additional module paths, Slicer
opens the modules from there as from an installed extension.
"""

import argparse
import shutil
from pathlib import Path

from extension_files import ROOT, installed_files


def lay_out(folder: Path, root: Path = ROOT) -> Path:
    """Copy every listed file to its place in `folder`, which must be new or empty; return it.

    Raises:
        FileExistsError: there is something in the folder.
        FileNotFoundError: a listed file is not in the tree.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty. Name a new folder.")
    for target, source in installed_files(root).items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / target)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="lay_out_extension", description=lay_out.__doc__)
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    lay_out(parser.parse_args().folder)
