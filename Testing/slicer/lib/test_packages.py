import sys
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from MambaMIMLib import Packages

ROOT = Path(__file__).parents[3]


def project():
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def ranges(requirements):
    parsed = [Requirement(text) for text in requirements]
    return {requirement.name: requirement.specifier for requirement in parsed}


def test_the_ranges_are_those_of_the_core(app, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    wanted = ranges(project()["dependencies"])
    ours = {package.name: SpecifierSet(package.versions) for package in Packages.needed()}
    shipped = {name for name in wanted if name in Packages.SHIPPED}
    assert shipped == {"numpy", "scipy", "SimpleITK"}
    assert ours == {name: spec for name, spec in wanted.items() if name not in shipped}


def test_training_and_speed_have_the_ranges_of_the_extras(app, monkeypatch):
    monkeypatch.setattr(Packages, "hasNvidia", lambda: False)
    extras = project()["optional-dependencies"]
    train, fast = ranges(extras["train"]), ranges(extras["fast"])
    for package in Packages.forTraining():
        assert train[package.name] == SpecifierSet(package.versions)
    if sys.platform != "darwin":
        (package,) = Packages.forSpeed()
        assert fast[package.name] == SpecifierSet(package.versions)


def test_what_slicer_comes_with_is_never_among_them(app):
    for package in [*Packages.needed(), *Packages.forTraining(), *Packages.forSpeed()]:
        assert package.name not in Packages.SHIPPED


def test_torch_comes_first_and_stays_below_what_breaks_on_windows(app, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    torch = Packages.needed()[0]
    assert torch.name == "torch"
    assert torch.accepts("2.12.1+cu128")
    assert not torch.accepts("2.13.0")
    monkeypatch.setattr(sys, "platform", "linux")
    assert Packages.needed()[0].accepts("2.13.0")


@pytest.mark.parametrize(
    ("version", "fits"),
    [("2.8.0", True), ("2.8.0+cpu", True), ("2.9.1", False), ("2.7.1", False), (None, False),
     ("2.14.0.dev20260101", True)],
)  # fmt: skip
def test_versions_that_will_do(app, version, fits):
    torch = Packages.Package("torch", "torch", ">=2.8,!=2.9.*", "", 1, 1)
    assert torch.accepts(version) is fits


def test_sizes_know_of_a_graphics_card(app, monkeypatch):
    monkeypatch.setattr(Packages.platform, "system", lambda: "Linux")
    monkeypatch.setattr(Packages, "hasNvidia", lambda: False)
    cpu = Packages.explain(Packages.needed())
    assert Packages.forSpeed() != []
    monkeypatch.setattr(Packages, "hasNvidia", lambda: True)
    cuda = Packages.explain(Packages.needed())
    assert Packages.forSpeed() == []
    assert (cpu, cuda) == (
        "About 224 MB to download, 946 MB on the disk.",
        "About 3.0 GB to download, 7.0 GB on the disk.",
    )
