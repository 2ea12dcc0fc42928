# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections."""
from __future__ import annotations

import uuid as uuids
from types import TracebackType
from typing import Any, List, Optional, Type, Union

from ._domain import Domain
from ._errors import Error, ErrorCode, call
from ._glib import (Cancellable, Migtune, from_json, gio_cancellable,
                    libvirt_pointer, milliseconds)


class Connection:
    """An open URI, from :func:`connect`.  Threads may share it.

    As a context manager it is closed at the end of the block.
    """

    def __init__(self, conn: Migtune.Conn) -> None:
        self._conn: Optional[Migtune.Conn] = conn

    def __repr__(self) -> str:
        if self._conn is None:
            return "<migtune.Connection, closed>"
        return f"<migtune.Connection {self.uri!r}>"

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def __getitem__(self, key: Any) -> Domain:
        """The same as :meth:`domain`."""
        return self.domain(key)

    def _open(self) -> Migtune.Conn:
        if self._conn is None:
            raise Error(ErrorCode.INVALID_ARGUMENT, "the connection is closed")
        return self._conn

    @property
    def uri(self) -> str:
        """The URI as it was given."""
        return self._open().get_uri()

    def close(self) -> None:
        """Releases the connection.  Its domains keep it open and usable."""
        self._conn = None

    def domains(self, *, cancel: Optional[Cancellable] = None) -> List[str]:
        """The keys of the guests that run."""
        return list(call(self._open().list, gio_cancellable(cancel)))

    def inactive_domains(self, *,
                         cancel: Optional[Cancellable] = None) -> List[str]:
        """The keys of the guests that libvirt has defined and do not run."""
        return list(call(self._open().list_inactive, gio_cancellable(cancel)))

    def domain(self, key: Union[str, uuids.UUID, Any], *,
               cancel: Optional[Cancellable] = None) -> Domain:
        """Opens a guest.

        *key* is a name, a UUID, a key of :meth:`domains`, or a ``virDomain`` of
        libvirt-python.  A ``virDomain`` needs the connection that
        :func:`connect` made from its ``virConnect``.
        """
        conn = self._open()
        pointer = libvirt_pointer(key, "virDomain")
        if pointer is not None:
            return Domain(call(conn.open_libvirt_domain, pointer,
                               gio_cancellable(cancel)))
        if isinstance(key, uuids.UUID):
            key = str(key)
        if not isinstance(key, str):
            raise TypeError("expected a name, a UUID or a virDomain, not "
                            + type(key).__name__)
        return Domain(call(conn.lookup, key, gio_cancellable(cancel)))

    def find_destination(self, source: Domain, name: Optional[str] = None, *,
                         cancel: Optional[Cancellable] = None) -> Domain:
        """The guest of this connection that waits for *source*.

        Without *name* it is the waiting guest with the UUID of *source*, or
        else its name.
        """
        return Domain(call(Migtune.Migration.find_destination, self._open(),
                           source._domain, name, gio_cancellable(cancel)))


def connect(uri: Any, *, timeout: Optional[float] = None, cache: bool = True,
            monitor: bool = True, read_only: bool = False,
            manage_libvirt: bool = False,
            cancel: Optional[Cancellable] = None) -> Connection:
    """Opens a connection.

    *uri* is a URI such as "ref:///default", "qmp:///run/guests/" or
    "qemu:///system", or a ``virConnect`` of libvirt-python, which is then shared
    and not changed.

    *timeout*: seconds that a guest may take to answer a command.
    *cache*: keep on disk what a QEMU supports.
    *monitor*: whether QEMU's monitor may be used for libvirt's guests; this makes
    libvirt mark a guest as tainted.
    *read_only*: for unprivileged users.
    *manage_libvirt*: run libvirt's event loop; only for a program that does not
    use libvirt itself.
    """
    flags = 0
    for wanted, flag in ((not cache, Migtune.ConnFlags.NO_CACHE),
                         (not monitor, Migtune.ConnFlags.NO_MONITOR),
                         (read_only, Migtune.ConnFlags.READ_ONLY),
                         (manage_libvirt, Migtune.ConnFlags.MANAGE_LIBVIRT)):
        if wanted:
            flags |= int(flag)

    pointer = libvirt_pointer(uri, "virConnect")
    if pointer is not None:
        return Connection(call(Migtune.Conn.new_for_libvirt, pointer, flags,
                               milliseconds(timeout), gio_cancellable(cancel)))
    if not isinstance(uri, str):
        raise TypeError("expected a URI or a virConnect, not "
                        + type(uri).__name__)
    return Connection(call(Migtune.Conn.open, uri, flags,
                           milliseconds(timeout), gio_cancellable(cancel)))


def drivers() -> List[dict]:
    """The drivers: ``name``, ``schemes``, ``file``, and ``error`` if broken."""
    return from_json(Migtune.get_drivers())
