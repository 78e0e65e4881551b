"""slicer.app.coreIOManager(): reads and writes nodes with the storage nodes of slicer-core."""

from pathlib import Path
from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkCommand

from ..widgets.behaviour import Behaviour, behind

# Class of node -> extensions, longest first where one ends with another.
_EXTENSIONS = {
    "vtkMRMLVolumeNode": (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd"),
    "vtkMRMLSegmentationNode": (".seg.nrrd", ".nii.gz", ".nrrd"),
    "vtkMRMLModelNode": (".vtk", ".vtp", ".stl", ".ply", ".obj"),
    "vtkMRMLMarkupsNode": (".mrk.json", ".fcsv"),
    "vtkMRMLTableNode": (".csv", ".tsv"),
    "vtkMRMLTransformNode": (".h5", ".tfm", ".mat"),
    "vtkMRMLTextNode": (".txt", ".json"),
}
# File type -> class of node and of its storage node.
_READERS = {
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "MarkupsFile": ("vtkMRMLMarkupsFiducialNode", "vtkMRMLMarkupsJsonStorageNode"),
    "TransformFile": ("vtkMRMLLinearTransformNode", "vtkMRMLTransformStorageNode"),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "ColorTableFile": ("vtkMRMLColorTableNode", "vtkMRMLColorTableStorageNode"),
}
_TYPES_BY_EXTENSION = (
    ("SegmentationFile", (".seg.nrrd", ".seg.nhdr")),
    ("VolumeFile", _EXTENSIONS["vtkMRMLVolumeNode"]),
    ("ModelFile", _EXTENSIONS["vtkMRMLModelNode"]),
    ("MarkupsFile", _EXTENSIONS["vtkMRMLMarkupsNode"]),
    ("TableFile", _EXTENSIONS["vtkMRMLTableNode"]),
    ("TransformFile", _EXTENSIONS["vtkMRMLTransformNode"]),
    ("TextFile", (".txt",)),
    ("ColorTableFile", (".ctbl",)),
    ("SceneFile", (".mrml", ".mrb")),
)


@behind("qSlicerCoreIOManager")
class CoreIOManager(Behaviour):
    def fileType(self, path: str) -> str:
        name = path.lower()
        return next((kind for kind, ends in _TYPES_BY_EXTENSION if name.endswith(ends)), "NoFile")

    def registeredFileReaderCount(self, kind: str) -> int:
        return int(kind in (*_READERS, "VolumeFile", "SceneFile"))

    def fileWriterFileType(self, node: Any) -> str:
        return node.GetClassName().removeprefix("vtkMRML").removesuffix("Node") + "File"

    def fileWriterExtensions(self, node: Any) -> list[str]:
        return [f"{end[1:]} (*{end})" for end in _extensions(node)]

    def extractKnownExtension(self, path: str, node: Any) -> str:
        known = [end for end in _extensions(node) if path.lower().endswith(end)]
        return known[0] if known else Path(path).suffix

    def loadNodes(self, kind: str, properties: dict, loaded: Any, messages: Any = None) -> bool:
        path = properties["fileName"]
        if kind == "SceneFile":
            return self._load_scene(path, properties)
        node = None
        if not Path(path).is_file():
            _tell(messages, f"{path}: no such file")
        elif kind == "VolumeFile":
            node = self._load_volume(path, properties)
        elif kind in _READERS:
            node = self._load(kind, path, properties)
        else:
            _tell(messages, f"{path}: no reader for '{kind}'")
        if node is None:
            return False
        loaded.AddItem(node)
        self.send("newFileLoaded(QVariantMap)", {**properties, "nodeIDs": [node.GetID()]})
        return True

    def saveNodes(self, kind: str, properties: dict, messages: Any = None) -> bool:
        path = str(properties["fileName"])
        if kind == "SceneFile":
            scene = slicer.mrmlScene
            return bool(scene.WriteToMRB(path) if path.endswith(".mrb") else scene.Commit(path))
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        written = _write(node, path, keep=True)
        if written:
            self.send("fileSaved(QVariantMap)", properties)
        return written

    def exportNodes(
        self, ids: list, paths: list, properties: dict, harden: bool, messages: Any = None
    ) -> bool:
        nodes = [slicer.mrmlScene.GetNodeByID(node_id) for node_id in ids]
        return all(_write(n, str(p), keep=False) for n, p in zip(nodes, paths, strict=True))

    def _load_scene(self, path: str, properties: dict) -> bool:
        scene = slicer.mrmlScene
        if properties.get("clear", False):
            scene.Clear(False)
        if path.endswith(".mrb"):
            return bool(scene.ReadFromMRB(path))
        scene.SetURL(path)
        return bool(scene.Import())

    def _load_volume(self, path: str, properties: dict) -> Any:
        logic = slicer.modules.volumes.logic()
        name = properties.get("name") or _stem(path)
        options = 1 if properties.get("labelmap") else 0
        node = logic.AddArchetypeVolume(path, name, options)
        if node is not None and properties.get("show", True):
            selection = slicer.app.applicationLogic().GetSelectionNode()
            setter = "SetActiveLabelVolumeID" if options else "SetActiveVolumeID"
            getattr(selection, setter)(node.GetID())
            slicer.app.applicationLogic().PropagateVolumeSelection()
        return node

    def _load(self, kind: str, path: str, properties: dict) -> Any:
        scene = slicer.mrmlScene
        class_name, storage_class = _READERS[kind]
        name = scene.GenerateUniqueName(properties.get("name") or _stem(path))
        node = scene.AddNewNodeByClass(class_name, name)
        storage = scene.AddNewNodeByClass(storage_class)
        storage.SetFileName(path)
        if not storage.ReadData(node):
            scene.RemoveNode(node)
            scene.RemoveNode(storage)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if hasattr(node, "CreateDefaultDisplayNodes"):
            node.CreateDefaultDisplayNodes()
        return node


def _extensions(node: Any) -> tuple[str, ...]:
    return next((ends for kind, ends in _EXTENSIONS.items() if node.IsA(kind)), ())


def _write(node: Any, path: str, keep: bool) -> bool:
    """Write with a storage node of its own; `keep` makes it the node's."""
    storage = node.CreateDefaultStorageNode()
    storage.UnRegister(None)
    if keep:
        slicer.mrmlScene.AddNode(storage)
        node.SetAndObserveStorageNodeID(storage.GetID())
    storage.SetFileName(path)
    return bool(storage.WriteData(node))


def _stem(path: str) -> str:
    return Path(path).name.split(".")[0]


def _tell(messages: Any, text: str) -> None:
    if messages is not None:
        messages.AddMessage(vtkCommand.ErrorEvent, text)
