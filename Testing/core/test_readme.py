"""Every command and snippet of the README and of docs/jobs.md does what it says."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tomllib
import torch

from mambamim.cli import main
from mambamim.data.phantom import Phantom, make_phantom
from mambamim.models import build_model

ROOT = Path(__file__).resolve().parents[2]
# What makes a command of the README end in seconds.
SHORTER = {
    "pretrain": "--steps 2 --batch 2 --image-size 32 --spacing 5 --workers 0",
    "finetune": "--steps 2 --warmup 0 --batch 1 --validate-every 1 --workers 0 --spacing 5 5 5 "
    "--image-size 32 32 32",
    "benchmark-networks": "--steps 1 --warmup 0 --batch 1 --validate-every 1 --workers 0 "
    "--spacing 5 5 5 --image-size 64 64 64",
}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(program: str) -> list[list[str]]:
    lines = "\n".join(blocks(README, "bash")).splitlines()
    split = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in split if words and words[0] == program]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("desk")
    phantom = make_phantom(3, shape=(64, 56, 48), spacing_mm=5.0)
    nib.save(nib.Nifti1Image(phantom.ct, phantom.affine), folder / "ct.nii.gz")
    (folder / "scans").mkdir()
    for name in ("a", "b"):
        shutil.copy(folder / "ct.nii.gz", folder / "scans" / f"{name}.nii.gz")
    write_dicom(folder / "dicom_folder", phantom.ct)
    write_cases(folder, phantom)
    shutil.copytree(ROOT / "Resources" / "Models", folder / "Resources" / "Models")
    return folder


def write_cases(folder: Path, phantom: Phantom) -> None:
    """The phantom as labelled cases in every layout, and labels of the folder of scans."""
    (folder / "labels").mkdir()
    for name in ("a", "b"):
        truth = nib.Nifti1Image(phantom.labels, phantom.affine)
        nib.save(truth, folder / "labels" / f"{name}.nii.gz")
    organs = np.zeros_like(phantom.labels)
    organs[phantom.labels == 6], organs[phantom.labels == 1] = 1, 2
    for place, count in (("cases", 3), ("test_cases", 1), ("Task09_Spleen", 5)):
        for kind, values in (("images", phantom.ct), ("labels", organs)):
            (folder / place / kind).mkdir(parents=True)
            for number in range(count):
                image = nib.Nifti1Image(values, phantom.affine)
                nib.save(image, folder / place / kind / f"{number}.nii.gz")
    names = [{"image": f"./images/{n}.nii.gz", "label": f"./labels/{n}.nii.gz"} for n in range(5)]
    content = {"labels": {"0": "background", "1": "liver", "2": "spleen"}, "training": names}
    (folder / "Task09_Spleen" / "dataset.json").write_text(json.dumps(content))


def write_dicom(folder: Path, ct: np.ndarray) -> None:
    folder.mkdir()
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, plane in enumerate(np.moveaxis(ct, 2, 0)):
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(plane.T))
        image.SetSpacing((5.0, 5.0))
        tags = {
            "0008|0060": "CT",
            "0010|0010": "Doe^Jane",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.1",
            "0008|0018": f"1.2.826.0.1.3680043.2.1125.1.{number + 1}",
            "0020|0013": str(number),
            "0020|0032": f"0\\0\\{5.0 * number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{number:03}.dcm"))
        writer.Execute(image)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_desk(desk, home, monkeypatch):
    monkeypatch.chdir(desk)
    monkeypatch.setenv("MAMBAMIM_HOME", str(home))


@pytest.mark.slow
@pytest.mark.parametrize("words", commands("mambamim"), ids=" ".join)
def test_a_command_of_the_readme_runs(words, desk, capsys):
    if "authors.pth" in words:
        stem = build_model("hymamba").state_dict()["encoder.stem.weight"]
        torch.save({"embeddings.stem.weight": stem}, desk / "authors.pth")
    assert main([*words, *SHORTER.get(words[0], "").split()]) == 0
    if "-o" in words:
        assert Path(words[words.index("-o") + 1]).exists()
    assert "Doe" not in capsys.readouterr().out


def test_make_knows_its_targets():
    for words in commands("make"):
        subprocess.run(["make", "--dry-run", "--directory", ROOT, *words], check=True)


def test_the_extras_that_pip_is_asked_for_exist():
    (words,) = commands("pip")
    assert words[0] == "install"
    extras = set(re.findall(r"\[(.*)\]", words[1])[0].split(","))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extras <= set(project["optional-dependencies"])


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/jobs.md", "docs/models.md"])
def test_the_snippets_run(document):
    for snippet in blocks((ROOT / document).read_text(encoding="utf-8"), "python"):
        Path("snippet.py").write_text(f"if __name__ == '__main__':\n{indented(snippet)}")
        subprocess.run([sys.executable, "snippet.py"], check=True, timeout=300)


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_links_and_pictures_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
