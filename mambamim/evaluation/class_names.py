"""What label values are called, which values a region has, and which class a value is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambamim.data.regions import Regions
from mambamim.errors import BadInputError

if TYPE_CHECKING:
    from mambamim.checkpoint_header import CheckpointHeader
    from mambamim.finetuning.label_scheme import LabelScheme

_PAIR = re.compile(r"(\d+)(?:=(.+))?")
_LARGEST = (1 << 16) - 1
_NO_CLASS = ("background", "unknown")


def read_classes(texts: Sequence[str]) -> dict[int, str]:
    """Class values and names of what a user wrote.

    Args:
        texts: "1=liver" or "1" each, several in one text with spaces or commas; or one path: of a
            JSON file (a Decathlon or nnU-Net dataset.json, or a .labels.json that `mambamim
            segment` writes), or of a checkpoint, or the name of a model.

    Raises:
        BadInputError: neither; or a value is out of 1..65535 or named twice.
    """
    if len(texts) == 1 and texts[0].lower().endswith(".json"):
        return names_in(Path(texts[0]))
    words = _words(texts)
    matches = [_PAIR.fullmatch(word) for word in words]
    if len(words) == 1 and matches[0] is None:
        return _model_classes(words[0])
    classes: dict[int, str] = {}
    for word, match in zip(words, matches, strict=True):
        value = int(match[1]) if match else 0
        if match is None or not 1 <= value <= _LARGEST or value in classes:
            raise BadInputError(
                f"'{word}' is no class, or its value is named twice.",
                'Write --classes "1=liver 2=spleen", numbers alone, or give a dataset.json or a'
                " checkpoint.",
            )
        classes[value] = match[2] or unnamed(value)
    if not classes:
        raise BadInputError("--classes names no class.", 'For example --classes "1=liver".')
    return classes


def names_in(path: Path) -> dict[int, str]:
    """Value -> name of a JSON file, background left out; of regions the value they are painted as.

    Args:
        path: of {"1": "liver"}, {"liver": 1}, {"1": {"name": "liver"}}, or one of these under
            "labels", where with "regions_class_order" they may be regions that overlap.

    Raises:
        BadInputError: it cannot be read or is something else.
    """
    scheme = _scheme(path)
    if scheme.regions is not None:
        return {region.painted: region.name for region in scheme.regions.members}
    return {value: name for value, name in scheme.values.items() if name not in _NO_CLASS}


def read_regions(texts: Sequence[str]) -> Regions | None:
    """What `read_classes` reads, where it is regions that overlap; None where it is classes.

    Raises:
        BadInputError: as `read_classes`.
    """
    if len(texts) == 1 and texts[0].lower().endswith(".json"):
        return regions_in(Path(texts[0]))
    words = _words(texts)
    if len(words) != 1 or _PAIR.fullmatch(words[0]):
        return None
    found = _header(words[0]).regions
    return Regions(found) if found else None


def regions_in(path: Path) -> Regions | None:
    """The regions of a JSON file as `names_in` takes it; None where it names classes."""
    return _scheme(path).regions


def beside(folders: Iterable[Path], case: str) -> dict[int, str] | None:
    """The names in the CASE.labels.json that `mambamim segment` puts beside a label map."""
    for folder in folders:
        path = folder / f"{case}.labels.json"
        if path.is_file():
            return names_in(path)
    return None


def dataset_names(places: Sequence[str | Path]) -> dict[int, str] | None:
    """The label names of the first place that is or holds a dataset.json which has some."""
    path = dataset_list(places)
    return None if path is None else names_in(path)


def dataset_list(places: Sequence[str | Path]) -> Path | None:
    """The first dataset.json that `places` are or hold and that names labels."""
    for place in map(Path, places):
        path = place / "dataset.json" if place.is_dir() else place
        if path.name.lower().endswith(".json") and path.is_file() and _json(path).get("labels"):
            return path
    return None


def matched(
    values: dict[int, str], classes: dict[int, str], strict: bool
) -> tuple[dict[int, int], dict[int, str], list[str]]:
    """Bring the values of manual labels to the classes of the prediction, by name.

    Args:
        values: value in the manual labels -> class name; several may have one name.
        classes: value in the predictions -> class name.
        strict: whether a name that the prediction does not have is an error.

    Returns:
        Value in the manual labels -> value in the predictions; the classes that the manual labels
        can tell, which alone can be scored; and the names that the prediction does not have.

    Raises:
        BadInputError: an unknown name with `strict`, or none that both have.
    """
    by_name = {name: value for value, name in classes.items()}
    strange = list(dict.fromkeys(name for name in values.values() if name not in by_name))
    table = {value: by_name[name] for value, name in values.items() if name in by_name}
    if (strict and strange) or not table:
        wrong = f"the class {strange[0]}" if strange else "no class"
        raise BadInputError(
            f"The manual labels name {wrong}, which the prediction does not have.",
            f"It has {', '.join(by_name)}. Name them by a file with --label-map:"
            ' {"1": "liver", "2": "spleen"}.',
        )
    told = set(table.values())
    return table, {v: name for v, name in classes.items() if v in told}, strange


def matched_regions(truth: Regions | None, found: Regions) -> dict[int, int]:
    """Bring the values of manual labels to those of a prediction of regions, by their names.

    Args:
        truth: of the manual labels; None where these name classes that exclude each other.
        found: of the prediction.

    Returns:
        Value in the manual labels -> the value that is in the same regions of the prediction.

    Raises:
        BadInputError: they are not the same regions.
    """

    def within(regions: Regions, value: int) -> frozenset[str]:
        return frozenset(r.name for r in regions.members if value in r.values)

    painted = {within(found, region.painted): region.painted for region in found.members}
    table = {value: painted.get(within(truth, value)) for value in truth.values} if truth else {}
    fitting = {value: other for value, other in table.items() if other is not None}
    if not table or len(fitting) < len(table):
        raise BadInputError(
            f"The prediction is of regions ({', '.join(r.name for r in found.members)}), and the"
            " list of the manual labels names others.",
            'Name the same regions by a file with --label-map, as nnU-Net does: {"labels": ...,'
            ' "regions_class_order": ...}.',
        )
    return fitting


def unnamed(value: int) -> str:
    """What a class is called of which only the value is known, as in written label maps."""
    return f"label_{value}"


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in re.split(r"[\s,]+", text) if word]


def _model_classes(name_or_path: str) -> dict[int, str]:
    header = _header(name_or_path)
    if header.regions:
        return {region.painted: region.name for region in header.regions}
    return dict(header.labels)


def _header(name_or_path: str) -> CheckpointHeader:
    from mambamim.catalogue import resolve_model
    from mambamim.checkpoint_header import read_header

    return read_header(resolve_model(name_or_path))


def _scheme(path: Path) -> LabelScheme:
    from mambamim.finetuning.label_scheme import scheme_of

    content = _json(path)
    labels: dict[str, Any] = content.get("labels", content)
    if isinstance(labels, dict):
        labels = {k: v.get("name") if isinstance(v, dict) else v for k, v in labels.items()}
    order = {k: v for k, v in content.items() if k == "regions_class_order"}
    return scheme_of({"labels": labels, **order}, path.name)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    except ValueError as error:
        raise BadInputError(
            f"{path.name} is damaged: it is not JSON.", "Copy or write it again."
        ) from error
    if not isinstance(content, dict):
        raise BadInputError(f"{path.name} does not name classes.", 'It needs {"1": "liver"}.')
    return content
