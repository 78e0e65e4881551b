"""The volumes that a reconstruction leaves in the scene: masked input, result, error, mask."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtkmodules.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from mambamim.errors import BadInputError
from MambaMIMLib.SegmentationResult import ATTRIBUTE
from MambaMIMSegmenterLib.ReconstructionColors import addColorBar, errorColorNode, maskColorNode

ROLES = ("masked", "reconstruction", "error", "mask")
_LABELS = "mask"  # the role that is a label map: 1 = was hidden
_OF = f"{ATTRIBUTE}Input"  # role of the reference to the volume that was reconstructed
_SELF = f"{ATTRIBUTE}Self"  # of one to itself: a copy's is to what it was copied from
_ROLE, _NAME = f"{ATTRIBUTE}Role", f"{ATTRIBUTE}Name"
_STEP_BYTES = 8 * 1024**2
_BRIGHTEST = 0.4  # of the window: a larger error is as bright; the same whatever the ratio


class ReconstructionResult:
    """The four volumes of one scan; a later run changes the same ones.

    They are found again by what they carry, also in a scene that was saved. A copy that the user
    makes of one is the user's and is left alone.

    Args:
        volumeNode: the scan; it lends grid, transform, name and place in the hierarchy, and is
            not changed.

    Attributes:
        nodes: role of `ROLES` -> vtkMRMLScalarVolumeNode, of the mask a vtkMRMLLabelMapVolumeNode;
            empty before the first run.
    """

    def __init__(self, volumeNode: Any) -> None:
        self.volumeNode = volumeNode
        self.nodes: dict[str, Any] = {}
        self.find()

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return len(self.nodes) == len(ROLES)

    def find(self) -> None:
        """Look again which nodes are in the scene."""
        self.nodes = {}
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
            role = node.GetAttribute(_ROLE)
            mine = node.GetNodeReferenceID(_OF) == self.volumeNode.GetID()
            mine = mine and node.GetNodeReferenceID(_SELF) == node.GetID()
            if role in ROLES and mine and role not in self.nodes:
                self.nodes[role] = node

    def showSteps(
        self, files: Mapping[str, str], facts: Mapping[str, Any], unit: str
    ) -> Iterator[None]:
        """Show the worker's volumes, in steps of some milliseconds.

        Args:
            files: role -> path of a .npy file, (I, J, K) on the volume's grid; that of the mask
                holds 0 where the scan was hidden.
            facts: what the nodes are to remember; "Ratio" (0..1) is among them.
            unit: of intensities, empty for none.

        Raises:
            BadInputError: a file cannot be read, or is not on the volume's grid; nothing was shown.
        """
        images, ranges = {}, {}
        for role in ROLES:
            steps = _imageSteps(files[role], self.volumeNode, role == _LABELS)
            images[role], ranges[role] = yield from steps
        spans = [*ranges["masked"], *ranges["reconstruction"]]
        self.find()
        for role in ROLES:  # in one step: all are of this run, or none
            node = self.nodes.get(role)
            self.nodes[role] = self._made(role) if node is None else node
            self._put(role, images[role], facts)
            self._showDisplay(role, (min(spans), max(spans)), unit)

    @property
    def facts(self) -> dict[str, Any]:
        """What the nodes remember of the run that they show, as `showSteps` was given it."""
        node = self.nodes["reconstruction"]
        names = [name for name in node.GetAttributeNames() if name.startswith(ATTRIBUTE)]
        return {
            name[len(ATTRIBUTE) :]: _parsed(node.GetAttribute(name))
            for name in names
            if name not in (_ROLE, _NAME)
        }

    def _made(self, role: str) -> Any:
        kind = "vtkMRMLLabelMapVolumeNode" if role == _LABELS else "vtkMRMLScalarVolumeNode"
        node = slicer.mrmlScene.AddNewNodeByClass(kind)
        node.SetAttribute(_ROLE, role)
        node.SetNodeReferenceID(_OF, self.volumeNode.GetID())
        node.SetNodeReferenceID(_SELF, node.GetID())
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.SetItemParent(item, self._folder(hierarchy))
        return node

    def _folder(self, hierarchy: Any) -> int:
        """Where the other volumes are; for the first one a new folder beside the scan."""
        for node in self.nodes.values():
            if hierarchy.GetItemByDataNode(node):
                return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
        place = hierarchy.GetItemByDataNode(self.volumeNode)
        parent = hierarchy.GetItemParent(place) if place else hierarchy.GetSceneItemID()
        name = _("{volume} reconstruction").format(volume=self.volumeNode.GetName())
        return hierarchy.CreateFolderItem(parent, name)

    def _put(self, role: str, image: Any, facts: Mapping[str, Any]) -> None:
        node, matrix = self.nodes[role], vtk.vtkMatrix4x4()
        self.volumeNode.GetIJKToRASMatrix(matrix)
        wasModified = node.StartModify()
        node.SetIJKToRASMatrix(matrix)
        node.SetAndObserveTransformNodeID(self.volumeNode.GetTransformNodeID())
        node.SetAndObserveImageData(image)
        name = _names(role).format(
            volume=self.volumeNode.GetName(), percent=f"{100 * facts['Ratio']:g}"
        )
        if node.GetAttribute(_NAME) in (None, node.GetName()):  # else the user has named it
            node.SetName(name)
            node.SetAttribute(_NAME, name)
        for key, value in facts.items():
            node.SetAttribute(f"{ATTRIBUTE}{key}", json.dumps(value))
        node.EndModify(wasModified)

    def _showDisplay(self, role: str, network: tuple[float, float], unit: str) -> None:
        """A display node where there is none; one that is there is as the user wants it."""
        node = self.nodes[role]
        if node.GetDisplayNode() is not None:
            return
        if role == _LABELS:
            display = slicer.vtkMRMLLabelMapVolumeDisplayNode()
            display.SetAndObserveColorNodeID(maskColorNode().GetID())
        else:  # not the volume's own default, which looks for a window among all voxels
            display = slicer.vtkMRMLScalarVolumeDisplayNode()
            display.SetAutoWindowLevel(False)
            if role == "error":
                display.SetAndObserveColorNodeID(errorColorNode().GetID())
                display.SetWindowLevelMinMax(0, niceTop(_BRIGHTEST * (network[1] - network[0])))
            else:
                display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
                display.SetWindowLevelMinMax(*self._window(network))
        node.SetAndObserveDisplayNodeID(slicer.mrmlScene.AddNode(display).GetID())
        if role == "error":
            addColorBar(node, unit)

    def _window(self, network: tuple[float, float]) -> tuple[float, float]:
        """What the user has chosen for the scan; the network's window where that is nothing."""
        display = self.volumeNode.GetDisplayNode()
        if display is None or display.GetAutoWindowLevel():
            return network
        return display.GetWindowLevelMin(), display.GetWindowLevelMax()


def niceTop(value: float) -> float:
    """The largest number not above `value` whose quarters are short to write, as 160 or 200."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8)
    return max(round(step * power, 12) for step in steps if step * power <= value * (1 + 1e-9))


def _names(role: str) -> str:
    return {
        "masked": _("{volume} masked {percent} %"),
        "reconstruction": _("{volume} reconstruction {percent} %"),
        "error": _("{volume} error {percent} %"),
        "mask": _("{volume} mask {percent} %"),
    }[role]


def _imageSteps(path: str, volumeNode: Any, hidden: bool) -> Iterator[Any]:
    """Read an array, or where it is 0, into a vtkImageData; returns that and its (low, high)."""
    size = tuple(volumeNode.GetImageData().GetDimensions()) if volumeNode.GetImageData() else ()
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInputError(
            _("The result of the worker cannot be read ({reason}).").format(
                reason=type(error).__name__
            ),
            _("Free some disk space and run it again."),
        ) from error
    if array.shape != size:
        raise BadInputError(
            _("The result does not lie on the volume's grid: the volume was changed meanwhile."),
            _("Run it again."),
        )
    image = vtk.vtkImageData()
    image.SetDimensions(*size)
    image.AllocateScalars(get_vtk_array_type(array.dtype), 1)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(size[::-1])
    low, high = math.inf, -math.inf
    thick = max(1, _STEP_BYTES // (size[0] * size[1] * array.itemsize))
    for start in range(0, size[2], thick):
        piece = voxels[start : start + thick]
        read = array[:, :, start : start + thick].T
        piece[...] = read == 0 if hidden else read
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        yield None
    return image, (low, high)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # somebody else's
        return text
