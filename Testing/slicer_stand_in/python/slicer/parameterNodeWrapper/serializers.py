"""How values of each type are kept in a parameter node, whose parameters are text."""

import collections.abc
import enum
import pathlib
import types
import typing

import slicer

from .annotations import IsInstance, NotNone, Validator, splitAnnotations

_PATHS = (pathlib.Path, pathlib.PosixPath, pathlib.PurePath, pathlib.PurePosixPath,
          pathlib.WindowsPath, pathlib.PureWindowsPath)  # fmt: skip
_registered: list[type["Serializer"]] = []


class Serializer:
    """Keeps values of one type. `validators` are asked before a value is written."""

    def __init__(self, kind, validators=()):
        self.kind, self.validators = kind, list(validators)

    @staticmethod
    def canSerialize(kind) -> bool:
        raise NotImplementedError

    @classmethod
    def create(cls, kind):
        return cls(kind)

    def default(self):
        return self.kind()

    def isIn(self, node, name) -> bool:
        return node.HasParameter(name)

    def validate(self, value) -> None:
        for validator in self.validators:
            validator.validate(value)

    def write(self, node, name, value) -> None:
        self.validate(value)
        node.SetParameter(name, str(value))

    def read(self, node, name):
        return self.kind(node.GetParameter(name))

    def remove(self, node, name) -> None:
        node.UnsetParameter(name)


def parameterNodeSerializer(cls=None):
    """Class decorator: values of the types that `cls` can serialize may be parameters."""

    def register(cls):
        _registered.append(cls)
        return cls

    return register if cls is None else register(cls)


def createSerializer(annotated):
    """Return (serializer, annotations that are no validators) of a possibly annotated type."""
    kind, annotations = splitAnnotations(annotated)
    for cls in _registered:
        if cls.canSerialize(kind):
            serializer = cls.create(kind)
            serializer.validators += [a for a in annotations if isinstance(a, Validator)]
            return serializer, [a for a in annotations if not isinstance(a, Validator)]
    raise TypeError(f"Unable to create serializer for type: {kind}")


def isNodeOrUnionOfNodes(annotated) -> bool:
    return bool(_node_classes(splitAnnotations(annotated)[0]))


def getNodeTypes(annotated) -> list[str]:
    """The class names of a node class or of a union of them."""
    return [cls.__name__ for cls in _node_classes(splitAnnotations(annotated)[0])]


def _node_classes(kind) -> list[type]:
    if isinstance(kind, type):
        return [kind] if issubclass(kind, slicer.vtkMRMLNode) else []
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return []
    members = [m for m in typing.get_args(kind) if m is not type(None)]
    classes = [c for m in members for c in _node_classes(m)]
    return classes if len(classes) == len(members) else []


@parameterNodeSerializer
class NumberSerializer(Serializer):
    canSerialize = staticmethod(lambda kind: kind in (int, float))

    @classmethod
    def create(cls, kind):
        return cls(kind, [NotNone(), IsInstance((int, float) if kind is float else int)])


@parameterNodeSerializer
class TextSerializer(Serializer):
    canSerialize = staticmethod(lambda kind: kind is str or kind in _PATHS)

    @classmethod
    def create(cls, kind):
        return cls(kind, [NotNone(), IsInstance(kind)])


@parameterNodeSerializer
class BoolSerializer(TextSerializer):
    canSerialize = staticmethod(lambda kind: kind is bool)

    def read(self, node, name):
        return node.GetParameter(name) == "True"


@parameterNodeSerializer
class EnumSerializer(TextSerializer):
    canSerialize = staticmethod(lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum))

    def default(self):
        return next(iter(self.kind))

    def write(self, node, name, value) -> None:
        self.validate(value)
        node.SetParameter(name, value.name)

    def read(self, node, name):
        return self.kind[node.GetParameter(name)]


@parameterNodeSerializer
class NodeSerializer(Serializer):
    """A node is kept as a reference; the parameter of the same name says that there is one."""

    canSerialize = staticmethod(lambda kind: bool(_node_classes(kind)))

    @classmethod
    def create(cls, kind):
        return cls(kind, [IsInstance(tuple(_node_classes(kind)))])

    def default(self):
        return None

    def write(self, node, name, value) -> None:
        self.validate(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node, name):
        return node.GetNodeReference(name)

    def remove(self, node, name) -> None:
        super().remove(node, name)
        node.RemoveNodeReferenceIDs(name)


class ObservedList(collections.abc.MutableSequence):
    """A list that is written again whenever it changes."""

    def __init__(self, values, save):
        self._values, self._save = list(values), save

    def __getitem__(self, index):
        return self._values[index]

    def __setitem__(self, index, value):
        self._values[index] = value
        self._save(self._values)

    def __delitem__(self, index):
        del self._values[index]
        self._save(self._values)

    def __len__(self):
        return len(self._values)

    def insert(self, index, value):
        self._values.insert(index, value)
        self._save(self._values)

    def __eq__(self, other):
        return self._values == list(other)

    def __repr__(self):
        return f"ObservedList({self._values})"


@parameterNodeSerializer
class ListSerializer(Serializer):
    """list[int], list[str], list[vtkMRMLVolumeNode] and so on: one parameter an element."""

    canSerialize = staticmethod(lambda kind: typing.get_origin(kind) is list)

    def __init__(self, kind, validators=()):
        super().__init__(kind, [NotNone(), *validators])
        self.element, _ = createSerializer(typing.get_args(kind)[0])

    def default(self):
        return []

    def isIn(self, node, name) -> bool:
        return node.HasParameter(f"{name}_len")

    def write(self, node, name, value) -> None:
        self.validate(value)
        with slicer.util.NodeModify(node):
            self.remove(node, name)
            node.SetParameter(f"{name}_len", str(len(value)))
            for index, element in enumerate(value):
                self.element.write(node, f"{name}_{index}", element)

    def read(self, node, name):
        count = int(node.GetParameter(f"{name}_len"))
        values = [self.element.read(node, f"{name}_{index}") for index in range(count)]
        return ObservedList(values, lambda changed: self.write(node, name, changed))

    def remove(self, node, name) -> None:
        for index in range(int(node.GetParameter(f"{name}_len") or 0)):
            self.element.remove(node, f"{name}_{index}")
        node.UnsetParameter(f"{name}_len")
