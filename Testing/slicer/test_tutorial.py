"""The tutorial speaks of what is there: pictures, buttons, packages."""

import re
import shlex

import pytest
from extension_files import ROOT
from PIL import Image

from MambaMIMLib import Packages

TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
# What is bold and Slicer's own, or no button.
_SLICERS = {
    "Additional module paths", "Add DICOM Data", "Clear cache", "Data",
    "Edit > Application Settings > Cache", "Edit > Application Settings > Modules",
    "File > Save Data", "Install", "Islands", "Modules > Segmentation > MambaMIM Segmenter",
    "Modules > Segmentation > MambaMIM Trainer", "OK", "PyTorch", "Sample Data",
    "Segment Statistics", "Segmentations", "View > Extensions Manager",
}  # fmt: skip
_EMPHASIS = r".*[^.]\."  # a sentence


def _words() -> list[str]:
    bold = {" ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", TEXT)}
    return sorted(words for words in bold - _SLICERS if not re.fullmatch(_EMPHASIS, words))


def _panel() -> str:
    folders = ("MambaMIMLib", "MambaMIMSegmenter", "MambaMIMTrainer")
    files = [file for folder in folders for file in ROOT.glob(f"{folder}/**/*")]
    kept = [file for file in files if file.suffix in (".py", ".ui") and "Testing" not in file.parts]
    return "\n".join(file.read_text(encoding="utf-8") for file in kept)


def test_buttons_and_labels_are_those_of_the_panel():
    panel = _panel()
    there = [f'"{words}"' in panel or f"<string>{words}</string>" in panel for words in _words()]
    assert [words for words, is_there in zip(_words(), there, strict=True) if not is_there] == []
    assert len(there) > 10


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_links_lead_somewhere(target):
    path, _, heading = target.partition("#")
    file = (ROOT / "docs" / path) if path else ROOT / "docs" / "tutorial.md"
    assert file.exists()
    if heading:
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        made = {re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-") for text in headings}
        assert heading in made


def test_the_wheels_to_download_are_those_that_are_needed():
    (line,) = re.findall(r"^python3\.12 -m pip download -d wheels (.*)$", TEXT, re.MULTILINE)
    named = {re.match(r"[\w-]+", word)[0]: word for word in shlex.split(line)}
    assert set(named) == {package.name for package in Packages.needed()}
    for package in Packages.needed():
        assert set(named[package.name].removeprefix(package.name).split(",")) <= set(
            package.versions.split(",")
        )


def test_the_pictures_are_a_small_download():
    files = [ROOT / "docs" / name for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXT)]
    assert sum(file.stat().st_size for file in files) < 1e6
    assert all(Image.open(file).width <= 1400 for file in files)
