"""The extension's files agree with the tree, with each other and with what Slicer makes of them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import describe_extension
import extension_files
import numpy as np
import pytest
from draw_icons import ICONS
from extension_files import ROOT, installed_files, is_packaged, listed_files, parts, tree_files
from lay_out_extension import lay_out
from PIL import Image

_FAKE_SLICER = Path(__file__).parent / "support" / "fake_slicer"
_MODULES = [part for part in parts() if (ROOT / part / f"{part}.py").is_file()]


@pytest.fixture
def copied_tree(tmp_path):
    """A small extension of one module with a resource, all listed."""
    module = tmp_path / "Sharpen"
    (module / "Resources" / "Icons").mkdir(parents=True)
    (module / "Testing").mkdir()
    for file in ("Sharpen.py", "Resources/Icons/Sharpen.png", "Testing/SharpenTest.py"):
        (module / file).write_text("", encoding="utf-8")
    (tmp_path / "CMakeLists.txt").write_text("add_subdirectory(Sharpen)\n", encoding="utf-8")
    (module / "CMakeLists.txt").write_text(
        "set(MODULE_PYTHON_SCRIPTS\n  )\nset(MODULE_PYTHON_RESOURCES\n  )\n"
        "slicerMacroBuildScriptedModule(\n  NAME Sharpen\n  )\n",
        encoding="utf-8",
    )
    extension_files.write_lists(tmp_path)
    return tmp_path


@pytest.mark.parametrize("part", parts())
def test_every_file_is_listed(part):
    assert listed_files(ROOT / part) == _scripts_first(tree_files(ROOT / part)), (
        f"{part}/CMakeLists.txt does not list what is in {part}: python tools/extension_files.py"
    )


@pytest.mark.parametrize("part", parts())
def test_git_knows_the_same_files(part):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git, or not a clone")
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", part]
    names = subprocess.run(
        asked, cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    ).stdout
    paths = [Path(name).relative_to(part) for name in names.split("\0") if name]
    known = {path.as_posix() for path in paths if is_packaged(part, path)}
    assert set(listed_files(ROOT / part)) == {
        name for name in known if (ROOT / part / name).exists()
    }


def test_a_file_that_is_not_listed_is_seen(copied_tree):
    module = copied_tree / "Sharpen"
    assert listed_files(module) == ["Sharpen.py", "Resources/Icons/Sharpen.png"]
    assert listed_files(module) == _scripts_first(tree_files(module))
    (module / "Kernel.py").write_text("", encoding="utf-8")
    assert listed_files(module) != _scripts_first(tree_files(module))


def test_two_modules_cannot_give_one_place_to_two_files(copied_tree):
    shutil.copytree(copied_tree / "Sharpen", copied_tree / "Blur")
    (copied_tree / "Blur" / "Sharpen.py").rename(copied_tree / "Blur" / "sharpen.py")
    with (copied_tree / "CMakeLists.txt").open("a", encoding="utf-8") as cmake:
        cmake.write("add_subdirectory(Blur)\n")
    extension_files.write_lists(copied_tree)
    with pytest.raises(ValueError, match="both become"):
        installed_files(copied_tree)


def test_every_module_in_the_tree_is_added():
    in_tree = {path.stem for path in ROOT.glob("*/*.py") if path.stem == path.parent.name}
    assert in_tree == set(_MODULES) != set()


def test_nothing_but_modules_lies_among_modules():
    """Slicer takes every Python file in that folder for a module."""
    flat = {Path(target).stem for target in installed_files() if re.fullmatch(r"[^/]+\.py", target)}
    assert flat == set(_MODULES)


@pytest.mark.parametrize("module", _MODULES)
def test_a_module_lists_its_tests(module):
    folder = ROOT / module / "Testing" / "Python"
    cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = re.findall(r"\w+\.py", cmake)
    assert listed == sorted(path.name for path in folder.glob("*.py")) != []


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("MambaMIM.s4ext", describe_extension.s4ext),
        ("MambaMIM.json", describe_extension.catalog_entry),
    ],
)
def test_descriptions_say_what_cmake_says(name, write):
    said = describe_extension.metadata()
    assert (ROOT / name).read_text(encoding="utf-8") == write(said), (
        f"{name} is not of today: python tools/describe_extension.py"
    )


def test_the_index_would_take_the_description():
    """What Slicer's schema and its checklist for extensions ask for."""
    said = describe_extension.metadata()
    entry = json.loads((ROOT / "MambaMIM.json").read_text(encoding="utf-8"))
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert entry["scm_url"].split("/")[-1] == "SlicerMambaMIM.git"
    assert not any(";" in value for value in said.values()), "CMake would make a list of it"
    assert len(re.findall(r"\.(?:\s|$)", said["description"])) <= 2, "one sentence or two"
    for url in [said["iconurl"], *said["screenshoturls"].split()]:
        assert (ROOT / url.split("/main/")[1]).is_file(), f"{url} is not in the tree"


@pytest.mark.parametrize("path", ICONS)
def test_icons_are_as_they_are_drawn(path):
    icon = Image.open(ROOT / path).convert("RGBA")
    assert icon.size == (128, 128)
    drawn = np.asarray(ICONS[path](), np.int16)
    assert np.abs(drawn - np.asarray(icon, np.int16)).mean() < 1, "python tools/draw_icons.py"


def test_every_module_has_an_icon():
    for module in _MODULES:
        assert f"{module}/Resources/Icons/{module}.png" in ICONS


@pytest.mark.skipif(
    not shutil.which("cmake") or not shutil.which("c++"), reason="no cmake or no compiler"
)
def test_cmake_installs_what_the_lay_out_has(tmp_path):
    """Real CMake, with macros that put files where Slicer's put them."""
    build, prefix = tmp_path / "build", tmp_path / "installed"
    configure = [
        "cmake",
        "-S",
        ROOT,
        "-B",
        build,
        f"-DSlicer_DIR={_FAKE_SLICER}",
        "-DBUILD_TESTING=ON",
    ]
    for command in (
        [*configure, f"-DCMAKE_INSTALL_PREFIX={prefix}"],
        ["cmake", "--build", build],
        ["cmake", "--install", build],
    ):
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        assert done.returncode == 0, done.stdout + done.stderr
    assert _content(prefix / "lib/qt-scripted-modules") == _content(lay_out(tmp_path / "laid_out"))
    listed = subprocess.run(
        ["ctest", "--show-only"], cwd=build, capture_output=True, check=True, encoding="utf-8"
    ).stdout
    for module in _MODULES:
        assert f"py_nomainwindow_{module}" in listed
        for test in (ROOT / module / "Testing" / "Python").glob("*.py"):
            assert f"py_{test.stem}" in listed


def _scripts_first(files: list[str]) -> list[str]:
    return sorted(files, key=lambda file: (not file.endswith(".py"), file))


def _content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
