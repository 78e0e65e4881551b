"""Brings a model's file into the user's own folder of models, and takes it away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry, find_model, user_models_folder
from mambamim.checkpoint_header import read_header
from mambamim.errors import BadInputError, CheckpointError
from mambamim.files import atomic_path

_STEP_BYTES = 4 * 1024**2  # copied between two looks at the event loop
SUFFIX = ".safetensors"
FOREIGN = (".pth", ".pt")  # PyTorch's own files: these are converted by the worker's Python


def checkModel(path: str | Path, kinds: tuple[str, ...]) -> ModelEntry:
    """The entry of a checkpoint anywhere, if a module of these kinds can use it.

    Raises:
        BadInputError: it is not there, no checkpoint, damaged, or of another kind.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise BadInputError(
            _("{name} is no file of a model.").format(name=path.name),
            _("Add a .safetensors file, or a .pth file of the MambaMIM authors."),
        )
    entry = find_model(path)
    if entry.kind not in kinds and entry.kind == "pretraining":
        raise BadInputError(
            _("{name} is a pre-trained network: it finds no structures yet.").format(
                name=path.name
            ),
            _("Use it for a reconstruction, or train it further first."),
        )
    if entry.kind not in kinds:
        raise BadInputError(
            _("{name} finds structures; it holds no network that reconstructs.").format(
                name=path.name
            ),
            _("Add a pre-trained network."),
        )
    return entry


def importSteps(path: str | Path) -> Iterator[str]:
    """Copy a checkpoint into the user's folder in steps; the last one gives its name there.

    A file that is there already is not copied again, and none is overwritten: another model of the
    same name gets a number.

    Raises:
        BadInputError: there is no room, or the folder cannot be written.
    """
    source = Path(path)
    folder = user_models_folder()
    if source.resolve().parent == folder.resolve():
        yield source.stem
        return
    target = _freePlace(source, folder)
    if not target.exists():
        with (
            atomic_path(target) as temporary,
            source.open("rb") as give,
            temporary.open("wb") as take,
        ):
            while block := give.read(_STEP_BYTES):
                take.write(block)
                yield ""
    yield target.stem


def isRemovable(entry: ModelEntry | None) -> bool:
    """Whether a model lies in the user's own folder."""
    return (
        entry is not None
        and entry.path is not None
        and entry.path.resolve().parent == user_models_folder().resolve()
    )


def removeModel(entry: ModelEntry) -> None:
    """Delete a model's file from the user's folder; one that is gone already is no error.

    Raises:
        BadInputError: it does not lie there, or cannot be deleted.
    """
    if not isRemovable(entry) or entry.path is None:
        raise BadInputError(_("{name} came with the extension.").format(name=entry.name))
    try:
        entry.path.unlink(missing_ok=True)
    except OSError as error:
        raise BadInputError(
            _("{name} cannot be deleted: {reason}.").format(
                name=entry.path.name, reason=error.strerror
            ),
            _("Close what uses it, and try again."),
        ) from error


def _freePlace(source: Path, folder: Path) -> Path:
    """Where the copy goes, or the same model where it is there already."""
    number, target = 1, folder / f"{source.stem}{SUFFIX}"
    while target.exists() and not _same(source, target):
        number += 1
        target = folder / f"{source.stem}-{number}{SUFFIX}"
    return target


def _same(source: Path, other: Path) -> bool:
    """Whether two checkpoints are one: the header holds the weights' SHA-256."""
    try:
        return read_header(source) == read_header(other)
    except CheckpointError:
        return False
