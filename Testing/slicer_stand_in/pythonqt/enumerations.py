"""Enumerations as PythonQt gives them: members on the class that owns them, and no scoped
spelling."""

import enum


def flatten_enumerations(owner: type) -> None:
    """Copy the members of each enumeration to `owner`; `owner.Enumeration` stays as a type without
    members, which makes a value from a number."""
    for name, enumeration in list(owner.__dict__.items()):
        if not (isinstance(enumeration, type) and issubclass(enumeration, enum.Enum)):
            continue
        for member, value in enumeration.__members__.items():
            if member not in owner.__dict__:
                setattr(owner, member, value)
        setattr(owner, name, _without_members(name, enumeration))


def _without_members(name: str, enumeration: type[enum.Enum]) -> type:
    def make(cls: type, value: int = 0) -> enum.Enum:
        return enumeration(value)

    body = {
        "__new__": staticmethod(make),
        "__module__": enumeration.__module__,
        "__qualname__": enumeration.__qualname__,
    }
    return type(name, (), body)
