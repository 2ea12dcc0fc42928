# SPDX-License-Identifier: LGPL-2.1-or-later
"""Errors of the library as one exception class."""
from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple, TypeVar

from ._glib import GLib, Migtune

if TYPE_CHECKING:
    from ._data import Outcome, Verdict

T = TypeVar("T")


class ErrorCode(str, enum.Enum):
    """The kind of an error: the stable names of libmigtune(3).

    A code is also a string: ``error.code == "busy"``.
    """

    INTERNAL = "internal"
    INVALID_ARGUMENT = "invalid-argument"
    UNKNOWN_PARAMETER = "unknown-parameter"
    INVALID_VALUE = "invalid-value"
    CONFLICT = "conflict"
    UNSUPPORTED = "unsupported"
    NOT_FOUND = "not-found"
    CONNECT = "connect"
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"
    BUSY = "busy"
    PROTOCOL = "protocol"
    QEMU = "qemu"
    ROLLED_BACK = "rolled-back"
    STATE_UNKNOWN = "state-unknown"
    DRIVER = "driver"
    CANCELLED = "cancelled"
    IO = "io"
    STREAM = "stream"
    NOT_RUNNING = "not-running"
    AMBIGUOUS = "ambiguous"
    STILL_RUNNING = "still-running"

    def __str__(self) -> str:
        return self.value


_FIELDS = {
    "parameter": Migtune.ErrorField.FIELD_PARAMETER,
    "command": Migtune.ErrorField.FIELD_COMMAND,
    "rule": Migtune.ErrorField.FIELD_RULE,
    "qemu-class": Migtune.ErrorField.FIELD_QEMU_CLASS,
    "qemu-desc": Migtune.ErrorField.FIELD_QEMU_DESC,
    "reason": Migtune.ErrorField.FIELD_REASON,
}


class Error(Exception):
    """What every call of this package raises if the library reports an error.

    Programs distinguish errors by :attr:`code` and :attr:`fields`.  The message
    is for people: it is translated and may change.
    """

    #: the kind of the error
    code: ErrorCode
    #: ``parameter``, ``command``, ``rule``, ``qemu-class``, ``qemu-desc`` and
    #: ``reason``, as far as they are known
    fields: Dict[str, str]
    #: the verdicts on the settings, if the error is about a plan
    verdicts: Tuple[Verdict, ...]
    #: where the guest is, if the error is about a migration that was run
    outcome: Optional[Outcome]

    def __init__(self, code: ErrorCode, message: str,
                 fields: Optional[Dict[str, str]] = None) -> None:
        super().__init__(code, message, fields or {})
        self.code = code
        self.fields = fields or {}
        self.verdicts = ()
        self.outcome = None

    def __str__(self) -> str:
        return self.args[1]

    @property
    def reason(self) -> Optional[str]:
        """A stable word that says more than the code, or None."""
        return self.fields.get("reason")


def _from_glib(error: GLib.Error) -> Error:
    if not error.matches(Migtune.error_quark(), error.code):
        return Error(ErrorCode.INTERNAL, error.message)

    # PyGObject keeps only the code and the message of an error.
    fields = {}
    for name, number in _FIELDS.items():
        text = Migtune.error_recall_field(error.code, error.message, number)
        if text is not None:
            fields[name] = text
    name = Migtune.error_code_to_string(error.code)
    return Error(ErrorCode(name), error.message, fields)


def call(function: Callable[..., T], *args: Any) -> T:
    """Calls a function of the library, whose errors become :class:`Error`."""
    try:
        return function(*args)
    except GLib.Error as error:
        raise _from_glib(error) from None
