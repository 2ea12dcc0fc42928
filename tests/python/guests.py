# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reference guests for the tests."""
import atexit
import contextlib
import os
import shutil
import tempfile

# A guest is locked by its UUID below this directory: programs that run at the
# same time must not share it.
_home = tempfile.mkdtemp()
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("CACHE", "CONFIG", "STATE"):
    os.environ[f"XDG_{_name}_HOME"] = _home

import migtune  # noqa: E402

GUEST = """
  <guest name="{name}">
    <uuid>{uuid}</uuid>
    <qemu release="{release}"/>
    <ram size="{ram}" content="sparse"/>
    <state>{state}</state>
    <workload kind="{workload}" rate="{rate}"/>
    <link bandwidth="{bandwidth}"/>
    {fault}
  </guest>"""


def pair(name, number=1, *, release="7.2", ram="4MiB", workload="idle",
         rate=1000, bandwidth="1GiB/s", fault=""):
    """XML of a guest and of its destination."""
    same = dict(uuid=f"2f4c1a52-6d0b-4a3e-9c57-{number:012x}", release=release,
                ram=ram, rate=rate, bandwidth=bandwidth)
    return (GUEST.format(name=name, state="running", workload=workload,
                         fault=fault, **same)
            + GUEST.format(name=name + "-dest", state="incoming",
                           workload="idle", fault="", **same))


# 128 MiB over 8 MiB/s: it lasts until a test ends it.
SLOW = dict(ram="128MiB", workload="uniform", bandwidth="8MiB/s")


@contextlib.contextmanager
def connection(*guests):
    """A connection to these guests, without *guests* to the built-in ones."""
    if not guests:
        with migtune.connect("ref:///default") as conn:
            yield conn
        return
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "guests.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<guests>" + "".join(guests) + "</guests>")
        with migtune.connect("ref://" + path) as conn:
            yield conn


@contextlib.contextmanager
def link():
    """A QEMU address for a migration."""
    with tempfile.TemporaryDirectory() as directory:
        yield f"unix:{directory}/link"
