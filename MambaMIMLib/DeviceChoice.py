"""What computes: chosen by the user among what the worker has found."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from MambaMIMLib.Signal import Signal
from MambaMIMLib.WorkerJob import WorkerLike

SETTING = "MambaMIM/Device"


class DeviceChoice:
    """A box with Automatic, CPU and each GPU; below it what was found.

    Nothing is looked for before `find()`: that starts the worker, which loads torch.

    Args:
        worker: is asked.
        box: a QComboBox.
        label: a QLabel.
    """

    def __init__(self, worker: WorkerLike, box: Any, label: Any) -> None:
        self.changed = Signal()  # ()
        self._worker, self._box, self._label = worker, box, label
        self._job: Any = None
        self._found = False
        self._fill([], None)
        self._tell("")
        self._box.connect("currentIndexChanged(int)", self._onChosen)

    @property
    def device(self) -> str:
        """As the worker takes it."""
        return str(self._box.itemData(self._box.currentIndex) or "auto")

    def find(self) -> None:
        """Ask the worker, once."""
        if self._found or (self._job is not None and self._job.active):
            return
        self._tell(_("Looking for devices..."))
        self._job = self._worker.submit("devices", {})
        self._job.succeeded.connect(self._onFound)
        self._job.failed.connect(self._onFailed)

    def forget(self) -> None:
        """Another Python does the work now: what was found holds no more."""
        self._found = False
        self._tell("")

    def _onFound(self, result: dict[str, Any]) -> None:
        self._found = True
        devices = list(result.get("devices") or ())
        self._fill(devices, result.get("auto"))
        gpus = [row for row in devices if row["device"] != "cpu"]
        if not gpus:
            self._tell(_("No graphics card can be used; the CPU does the work."))
            return
        self._tell(_("Found: {names}").format(names=", ".join(map(_title, gpus))))

    def _onFailed(self, failure: Any) -> None:
        self._tell("" if failure.isStop else failure.message)

    def _tell(self, text: str) -> None:
        self._label.text = text
        self._label.setVisible(bool(text))

    def _fill(self, devices: list[dict[str, Any]], auto: str | None) -> None:
        """Automatic, CPU, GPUs; the one of the settings is selected if it is there."""
        kept = str(slicer.app.settings().value(SETTING, "auto") or "auto")
        self._box.blockSignals(True)
        self._box.clear()
        kind = {None: "", "cpu": _(" (CPU)")}.get(auto, _(" (GPU)"))
        self._box.addItem(_("Automatic") + kind, "auto")
        self._box.addItem(_("CPU"), "cpu")
        for row in devices:
            if row["device"] != "cpu":
                self._box.addItem(_("GPU: {name}").format(name=row["name"]), row["device"])
        if not devices and kept not in ("auto", "cpu"):  # not looked for yet
            self._box.addItem(_("GPU ({name})").format(name=kept), kept)
        self._box.currentIndex = max(0, self._box.findData(kept))
        self._box.blockSignals(False)

    def _onChosen(self) -> None:
        slicer.app.settings().setValue(SETTING, self.device)
        self.changed()


def _title(row: dict[str, Any]) -> str:
    if row.get("memory_gib"):
        return _("{name} ({memory} GB)").format(name=row["name"], memory=round(row["memory_gib"]))
    return str(row["name"])
