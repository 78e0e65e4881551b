"""Parameters that belong together: classes whose members are parameters."""

import copy
import typing

import slicer

from .annotations import Default, IsInstance, NotNone, findFirstAnnotation, unannotatedType
from .serializers import Serializer, createSerializer, parameterNodeSerializer


class Member:
    """One parameter of a pack or a wrapper: its type, serializer and default."""

    def __init__(self, owner, name, annotated):
        self.name, self.type = name, annotated
        self.serializer, annotations = createSerializer(annotated)
        default = findFirstAnnotation(annotations, Default)
        if name in vars(owner):
            self.default = vars(owner)[name]
        else:
            self.default = self.serializer.default() if default is None else default.value

    def fresh_default(self):
        return copy.deepcopy(self.default) if isinstance(self.default, list) else self.default


def members_of(cls) -> dict[str, Member]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: Member(cls, name, annotated) for name, annotated in hints.items()}


def split_name(name):
    """'a.b.c' -> ('a', 'b.c'); 'a' -> ('a', None)."""
    first, _, rest = name.partition(".")
    return first, rest or None


def parameterPack(cls=None):
    """Class decorator: the annotated members become a pack."""
    return _make if cls is None else _make(cls)


def isParameterPack(kind) -> bool:
    return getattr(kind, "_is_parameterPack", False)


def nestedParameterNames(kind) -> list[str]:
    names = []
    for name, member in unannotatedType(kind).allParameters.items():
        inner = unannotatedType(member.type)
        nested = nestedParameterNames(inner) if isParameterPack(inner) else [None]
        names += [name if sub is None else f"{name}.{sub}" for sub in nested]
    return names


def _make(cls):
    cls.allParameters = members_of(cls)
    if not cls.allParameters:
        raise ValueError("Unable to find any members in parameterPack")
    cls._is_parameterPack = True
    for name, member in cls.allParameters.items():
        setattr(cls, name, _property(name, member))
    cls.__init__ = _init
    cls.__eq__ = lambda a, b: (
        isinstance(b, cls) and all(getattr(a, n) == getattr(b, n) for n in cls.allParameters)
    )
    cls.__repr__ = _repr
    cls.getValue, cls.setValue, cls.dataType = _get_value, _set_value, classmethod(data_type)
    return cls


def _init(self, *values, **named):
    self._on_change = None
    given = dict(zip(self.allParameters, values, strict=False)) | named
    unknown = [name for name in given if name not in self.allParameters]
    if unknown:
        raise TypeError(f"{type(self).__name__} has no parameter '{unknown[0]}'")
    for name, member in self.allParameters.items():
        setattr(self, name, given[name] if name in given else member.fresh_default())


def _property(name, member):
    def put(self, value):
        member.serializer.validate(value)
        self.__dict__[f"_{name}_value"] = value
        if self._on_change is not None:
            self._on_change(self)

    return property(lambda self: self.__dict__[f"_{name}_value"], put)


def _repr(self):
    members = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.allParameters)
    return f"{type(self).__name__}({members})"


def _get_value(self, name):
    first, rest = split_name(name)
    return getattr(self, first) if rest is None else getattr(self, first).getValue(rest)


def _set_value(self, name, value):
    first, rest = split_name(name)
    if rest is None:
        setattr(self, first, value)
    else:
        inner = getattr(self, first)
        inner.setValue(rest, value)
        setattr(self, first, inner)


def data_type(cls, name):
    """The annotated type of a possibly dotted parameter name."""
    first, rest = split_name(name)
    if first not in cls.allParameters:
        raise ValueError(f"Cannot find a param with the given name: {name}")
    kind = cls.allParameters[first].type
    return kind if rest is None else unannotatedType(kind).dataType(rest)


@parameterNodeSerializer
class ParameterPackSerializer(Serializer):
    """Each member is kept under 'name.member'."""

    canSerialize = staticmethod(isParameterPack)

    @classmethod
    def create(cls, kind):
        return cls(kind, [NotNone(), IsInstance(kind)])

    def isIn(self, node, name) -> bool:
        first, member = next(iter(self.kind.allParameters.items()))
        return member.serializer.isIn(node, f"{name}.{first}")

    def write(self, node, name, value) -> None:
        self.validate(value)
        with slicer.util.NodeModify(node):
            for key, member in self.kind.allParameters.items():
                member.serializer.write(node, f"{name}.{key}", getattr(value, key))

    def read(self, node, name):
        members = self.kind.allParameters.items()
        values = {key: m.serializer.read(node, f"{name}.{key}") for key, m in members}
        pack = self.kind(**values)
        for value in values.values():
            if isParameterPack(value):
                value._on_change = lambda _inner: self.write(node, name, pack)
        pack._on_change = lambda changed: self.write(node, name, changed)
        return pack

    def remove(self, node, name) -> None:
        for key, member in self.kind.allParameters.items():
            member.serializer.remove(node, f"{name}.{key}")


@parameterPack
class FloatRange:
    """A range of numbers, minimum <= maximum."""

    minimum: float
    maximum: float
