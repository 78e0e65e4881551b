"""Dialogs are written down and answered at once: nothing ever blocks."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import slicer.util
from PySide6 import QtWidgets

from ..pythonqt.objects import read_property


@dataclass(frozen=True)
class Dialog:
    """One dialog that would have been shown."""

    kind: str
    title: str = ""
    text: str = ""
    details: str = ""


@dataclass
class Dialogs:
    """All dialogs since the start, in order, and the answers that are to be given.

    `answer(True)` is Yes, OK or the like to the next question; a text is what the next dialog for a
    file or a text gives. Without an answer a dialog is cancelled. Questions of slicer.util give
    then what they give in Slicer's testing mode.
    """

    shown: list[Dialog] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def answer(self, *answers: Any) -> None:
        self.answers.extend(answers)

    def clear(self) -> None:
        self.shown.clear()
        self.answers.clear()

    def take(self, dialog: Dialog, otherwise: Any) -> Any:
        """Write `dialog` down; return its answer, or `otherwise`."""
        self.shown.append(dialog)
        return self.answers.pop(0) if self.answers else otherwise


def record_dialogs(dialogs: Dialogs) -> None:
    """Put `dialogs` in the place of everything that would wait for a person."""
    _record_executed(dialogs)
    _record_message_boxes(dialogs)
    _record_paths_and_texts(dialogs)
    _record_slicer_messages(dialogs)


def _record_executed(dialogs: Dialogs) -> None:
    def run(self: Any, *_: Any) -> int:
        text = read_property(self, "text") or ""
        title = read_property(self, "windowTitle") or ""
        details = read_property(self, "detailedText") or ""
        answer = dialogs.take(Dialog(type(self).__name__, title, text, details), False)
        if not isinstance(self, QtWidgets.QMessageBox):
            self.done(int(answer))
            return int(answer)
        return _button(answer, read_property(self, "standardButtons"))

    def run_menu(self: Any, *_: Any) -> Any:
        return dialogs.take(Dialog("QMenu"), None)

    for cls in (QtWidgets.QDialog, QtWidgets.QMessageBox, QtWidgets.QFileDialog):
        cls.exec = cls.exec_ = run
    QtWidgets.QMenu.exec = QtWidgets.QMenu.exec_ = run_menu


def _record_message_boxes(dialogs: Dialogs) -> None:
    for kind in ("information", "question", "warning", "critical", "about"):
        setattr(QtWidgets.QMessageBox, kind, staticmethod(_message_box(dialogs, kind)))


def _message_box(dialogs: Dialogs, kind: str) -> Callable:
    default = QtWidgets.QMessageBox.Ok
    if kind == "question":
        default = QtWidgets.QMessageBox.Yes | QtWidgets.QMessageBox.No

    def show(_parent: Any, title: str, text: str, buttons: Any = default, *_: Any) -> int:
        return _button(dialogs.take(Dialog(kind, title, text), kind != "question"), buttons)

    return show


def _record_paths_and_texts(dialogs: Dialogs) -> None:
    """PythonQt gives the path or the text alone, without the filter or the flag beside."""
    files, texts = QtWidgets.QFileDialog, QtWidgets.QInputDialog
    nothing = {
        files: {
            "getOpenFileName": "",
            "getOpenFileNames": [],
            "getSaveFileName": "",
            "getExistingDirectory": "",
        },
        texts: {
            "getText": "",
            "getMultiLineText": "",
            "getItem": "",
            "getInt": 0,
            "getDouble": 0.0,
        },
    }
    for cls, functions in nothing.items():
        for name, value in functions.items():
            setattr(cls, name, staticmethod(_asked(dialogs, name, value)))


def _asked(dialogs: Dialogs, kind: str, nothing: Any) -> Callable:
    def ask(_parent: Any = None, title: str = "", text: str = "", *_: Any) -> Any:
        return dialogs.take(Dialog(kind, title, text), nothing)

    return ask


def _record_slicer_messages(dialogs: Dialogs) -> None:
    original = slicer.util._messageDisplay

    def display(level: int, text: str, testing_value: Any, *rest: Any, **options: Any) -> Any:
        kind = logging.getLevelName(level).lower()
        title, details = options.get("windowTitle") or "", options.get("detailedText") or ""
        unanswered = object()
        answer = dialogs.take(Dialog(kind, title, text, details), unanswered)
        if answer is unanswered:
            return original(level, text, testing_value, *rest, **options)
        logging.log(level, text)
        return _button(answer, options.get("standardButtons", QtWidgets.QMessageBox.Ok))

    slicer.util._messageDisplay = display


def _button(answer: Any, buttons: Any) -> int:
    """The button among `buttons` that means this answer."""
    if not isinstance(answer, bool):
        return answer
    box = QtWidgets.QMessageBox
    yes = (box.Yes, box.Ok, box.Retry, box.Save, box.Open, box.Apply)
    no = (box.No, box.Cancel, box.Close, box.Abort, box.Ignore)
    offered = [b for b in (yes if answer else no) if int(b) & int(buttons)]
    return offered[0] if offered else (box.Ok if answer else box.Cancel)
