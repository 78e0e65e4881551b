"""The Python packages that the work needs, with what they are for and how large they are."""

import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from slicer.i18n import tr as _

from MambaMIMLib import Words

# Slicer comes with these, and its other parts count on their versions: never installed or changed.
SHIPPED = ("numpy", "scipy", "SimpleITK", "requests", "typing_extensions")
MB = 1_000_000
_CUDA_MB = (3000, 7000)  # what torch takes with the libraries of an NVIDIA card


@dataclass(frozen=True)
class Package:
    """A package.

    Attributes:
        name: as pip knows it.
        module: as Python imports it.
        versions: those that will do, as pip writes them.
        purpose: what it is for, a few words.
        download: megabytes over the network, what it needs itself included.
        disk: megabytes when installed.
        alone: whether it is installed without the packages that it asks for.
    """

    name: str
    module: str
    versions: str
    purpose: str
    download: int
    disk: int
    alone: bool = False

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}{self.versions}"

    @property
    def size(self) -> str:
        """What it takes to download."""
        return Words.size(self.download * MB)

    def accepts(self, version: str | None) -> bool:
        """Whether this version will do; None is not installed."""
        return version is not None and SpecifierSet(self.versions).contains(version, True)


def needed() -> list[Package]:
    """What every job needs beside what Slicer comes with; torch first, for others ask for it."""
    return [
        _torch(),
        Package("monai", "monai", ">=1.4", _("sliding window and losses"), 3, 20),
        Package("nibabel", "nibabel", ">=5.2", _("reads and writes scans"), 4, 15),
        Package("safetensors", "safetensors", ">=0.4.3", _("reads models"), 1, 2),
        Package("einops", "einops", ">=0.7", _("rearranges arrays"), 1, 1),
        Package("jsonargparse", "jsonargparse", ">=4.32", _("reads settings"), 2, 5),
        Package("pooch", "pooch", ">=1.8", _("downloads models"), 1, 1),
        Package("tqdm", "tqdm", ">=4.66", _("shows progress"), 1, 1),
        Package("filelock", "filelock", ">=3.12", _("guards files"), 1, 1),
    ]


def forTraining() -> list[Package]:
    """What training needs beside that."""
    return [Package("blosc2", "blosc2", ">=2.7", _("packs scans for training"), 12, 45)]


def forSpeed() -> list[Package]:
    """What makes the work faster where the processor does it, and is not needed."""
    if hasNvidia() or platform.system() == "Darwin":
        return []
    # Alone, for what it asks for beside numpy sends data about its use unless somebody forbids it.
    purpose = _("about 1.5 times as fast on the processor")
    return [Package("openvino", "openvino", ">=2024.4", purpose, 60, 200, alone=True)]


def hasNvidia() -> bool:
    """Whether this computer has a graphics card that torch wants its large libraries for."""
    return shutil.which("nvidia-smi") is not None


def explain(packages: Sequence[Package]) -> str:
    """How much is downloaded and takes room, a sentence."""
    return _("About {download} to download, {disk} on the disk.").format(
        download=Words.size(sum(package.download for package in packages) * MB),
        disk=Words.size(sum(package.disk for package in packages) * MB),
    )


def missingOf(wanted: Sequence[Package], versions: Mapping[str, str | None]) -> list[Package]:
    """Those that are not there, or in a version that will not do.

    Args:
        wanted: packages.
        versions: name -> version that is installed.
    """
    return [package for package in wanted if not package.accepts(versions.get(package.name))]


def _torch() -> Package:
    versions = ">=2.8,!=2.9.*"
    if sys.platform == "win32":
        versions += ",<2.13"  # from there on it does not start on Windows
    torch = Package(
        "torch", "torch", versions, _("computes, on processor and graphics card"), 210, 900
    )
    if platform.system() == "Darwin":
        return replace(torch, download=100, disk=450)
    if hasNvidia():
        download, disk = _CUDA_MB
        return replace(torch, download=download, disk=disk)
    return torch
