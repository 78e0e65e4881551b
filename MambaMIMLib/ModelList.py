"""Which models a person may choose from, and what is said of each. No widgets."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from slicer.i18n import tr as _

from mambamim.catalogue import ModelEntry
from mambamim.catalogue.terminology import term
from mambamim.checkpoint_header import read_header
from mambamim.errors import CheckpointError
from MambaMIMLib import Words

_DOT = " \N{MIDDLE DOT} "


def fitting(
    entries: Iterable[ModelEntry], kinds: Sequence[str], modality: str | None = None
) -> list[ModelEntry]:
    """The models of these kinds, and of this modality where one is given.

    A file that cannot be read comes last, for its owner looks for it there.
    """
    chosen = [
        entry
        for entry in entries
        if entry.problem
        or (entry.kind in kinds and (modality is None or entry.modality == modality))
    ]
    return sorted(chosen, key=lambda entry: bool(entry.problem))


def matches(entry: ModelEntry, search: str) -> bool:
    """Whether each word of the search is in the model's name, title, modality or classes."""
    names = [entry.name, entry.title, entry.modality, entry.licence, *entry.labels.values()]
    titles = [term(name).title for name in entry.labels.values()]
    text = " ".join([*names, *titles]).casefold()
    return all(word in text for word in search.casefold().split())


def summary(entry: ModelEntry) -> str:
    """The line below the title: modality, classes, licence, the time it took on this computer.

    A model of the user's own has its name there, for models that one trains share a title.
    """
    if entry.problem:
        return entry.problem
    if entry.path is None:
        return _("Not on this computer")
    own = entry.name if entry.origin == "user" and entry.title not in ("", entry.name) else ""
    facts = (own, entry.modality, _classes(entry), entry.licence, _time(entry))
    return _DOT.join(filter(None, facts))


def details(entry: ModelEntry) -> str:
    """What a person should know before using a model, as HTML; read from its file now."""
    rows = []
    if entry.path is not None and not entry.problem:
        try:
            header = read_header(entry.path)
        except CheckpointError as error:
            return html.escape(f"{error.message} {error.hint}")
        rows = list(_facts(entry, header))
        text = header.description
    else:
        text = entry.problem
    lines = [f"<p>{html.escape(text)}</p>"] if text else []
    for name, value in rows:
        lines.append(f"<p><b>{html.escape(name)}</b><br>{html.escape(value)}</p>")
    return "".join(lines)


def _classes(entry: ModelEntry) -> str:
    if entry.kind == "pretraining":
        return _("encoder and decoder") if _hasDecoder(entry) else _("encoder")
    count = len(entry.labels)
    return _("1 class") if count == 1 else _("{count} classes").format(count=count)


def _hasDecoder(entry: ModelEntry) -> bool:
    """Whether a pre-trained model can reconstruct; its file tells."""
    try:
        return bool(read_header(entry.path).pretraining)
    except CheckpointError:
        return False


def _time(entry: ModelEntry) -> str:
    if not entry.measured_seconds:
        return ""
    time = Words.aboutDuration(min(entry.measured_seconds.values()))
    return _("about {time} here").format(time=time)


def _facts(entry: ModelEntry, header: Any) -> Iterable[tuple[str, str]]:
    if entry.labels and entry.kind == "segmentation":
        terms = header.terms
        titles = [terms.get(n, {}).get("title") or term(n).title for n in entry.labels.values()]
        yield _("Finds"), ", ".join(titles)
    yield _("Learnt from"), "; ".join(_data(header.training.get("data", [])))
    yield _("Licence of the weights"), header.licence
    spacing = " x ".join(f"{side:g}" for side in header.spacing_mm)
    network = header.architecture.get("name", "")
    yield _("Network"), _("{name}, at {spacing} mm").format(name=network, spacing=spacing)
    times = [f"{Words.duration(s)} ({machine})" for machine, s in entry.measured_seconds.items()]
    if times:
        yield _("A scan on this computer took"), ", ".join(times)
    yield _("File"), f"{entry.path} ({Words.size(entry.size_bytes)})"
    yield _("SHA-256 of the weights"), header.sha256


def _data(data: Any) -> Iterable[str]:
    for item in data if isinstance(data, list) else [data]:
        if not isinstance(item, dict):
            yield str(item)
            continue
        licence = f" ({item['licence']})" if item.get("licence") else ""
        yield f"{item.get('name', '?')}{licence}"
