# SPDX-License-Identifier: LGPL-2.1-or-later
"""The typelib of libmigtune, and conversions between GLib and Python."""
from __future__ import annotations

import ctypes
import json
from typing import Any, Mapping, Optional, Sequence, Union

import gi

gi.require_version("Migtune", "0.1")
from gi.repository import Gio, GLib, Migtune  # noqa: E402

Value = Union[bool, int, float, str, Sequence[str]]
Settings = Mapping[str, Value]


class Cancellable:
    """Cancels calls that wait; any thread may call :meth:`cancel`.

    The call then fails with the code ``cancelled``.  A change that is cancelled
    before it is complete is undone first.
    """

    def __init__(self) -> None:
        self._gio = Gio.Cancellable()

    def cancel(self) -> None:
        """Ends the calls that were given this object."""
        self._gio.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` has been called."""
        return self._gio.is_cancelled()


def gio_cancellable(cancel: Optional[Cancellable]) -> Optional[Gio.Cancellable]:
    return None if cancel is None else cancel._gio


def milliseconds(seconds: Optional[float]) -> int:
    """A time limit for the library, which has 0 for none."""
    if seconds is None:
        return 0
    if seconds < 0:
        raise ValueError("a time limit must not be negative")
    return max(1, min(round(seconds * 1000), 2**32 - 1))


def from_json(node: Any) -> Any:
    """A JsonNode as Python data; integers keep all 64 bits."""
    return json.loads(Migtune.json_to_text(node))


def to_variant(settings: Settings) -> GLib.Variant:
    """Settings as a{sv}.

    Only the kind of a value is passed on.  The library converts a number or a
    text to the type that the catalogue gives the parameter.
    """
    if not isinstance(settings, Mapping):
        raise TypeError("settings must be a mapping, not "
                        + type(settings).__name__)
    return GLib.Variant("a{sv}", {
        _name(name): _value(name, value) for name, value in settings.items()})


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("the name of a setting must be a str, not "
                        + type(name).__name__)
    return name


def _value(name: str, value: Any) -> GLib.Variant:
    # bool is a subclass of int.
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        if -2**63 <= value < 2**63:
            return GLib.Variant("x", value)
        if 0 <= value < 2**64:
            return GLib.Variant("t", value)
        # The library refuses it with the range of the parameter.
        return GLib.Variant("s", str(int(value)))
    if isinstance(value, float):
        if value.is_integer():
            return _value(name, int(value))
        return GLib.Variant("d", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    if (isinstance(value, (list, tuple))
            and all(isinstance(item, str) for item in value)):
        return GLib.Variant("as", list(value))
    raise TypeError(f"{name}: expected bool, int, float, str or a list of str, "
                    f"not {type(value).__name__}")


def libvirt_pointer(handle: Any, kind: str) -> Optional[int]:
    """The pointer in an object of libvirt-python; None for other objects.

    *kind* is "virConnect" or "virDomain".
    """
    classes = (cls.__name__ for cls in type(handle).__mro__)
    capsule = getattr(handle, "_o", None)
    if capsule is None or kind not in classes:
        return None
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype = ctypes.c_void_p
    get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return get_pointer(capsule, (kind + "Ptr").encode())
