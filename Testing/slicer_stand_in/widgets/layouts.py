"""Layouts without margins, for widgets that are made of others."""

from PySide6 import QtWidgets


def row(owner: QtWidgets.QWidget, *parts: QtWidgets.QWidget) -> None:
    """Put `parts` beside each other into `owner`; the first gets the room that is left."""
    _fill(owner, QtWidgets.QHBoxLayout(owner), parts)


def column(owner: QtWidgets.QWidget, *parts: QtWidgets.QWidget) -> None:
    """Put `parts` under each other into `owner`; the first gets the room that is left."""
    _fill(owner, QtWidgets.QVBoxLayout(owner), parts)


def _fill(owner: QtWidgets.QWidget, layout: QtWidgets.QBoxLayout, parts: tuple) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(3)
    for index, part in enumerate(parts):
        layout.addWidget(part, 1 if index == 0 else 0)
