# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts with a libvirt daemon each, for tests in Python: see host.sh."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESSES = {"alpha": "10.99.99.1", "beta": "10.99.99.2"}

GUEST = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>{qemu}</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
  {more}
</domain>
"""

# Random bytes in the memory of a guest, which make its migration long.
LOADED = """<qemu:commandline>
    <qemu:arg value='-device'/>
    <qemu:arg value='loader,file={path},addr=0x2000000,force-raw=on'/>
  </qemu:commandline>"""


def guest_xml(name, memory=32, loaded=None):
    """The definition of a small guest.

    *memory* is in MiB.  The file *loaded* is put into it at 32 MiB.
    """
    return GUEST.format(name=name, qemu=shutil.which("qemu-system-x86_64"),
                        memory=memory,
                        more=LOADED.format(path=loaded) if loaded else "")


def missing():
    """Why there can be no hosts here; None if there can be."""
    for program in ("libvirtd", "unshare", "nsenter", "ip",
                    "qemu-system-x86_64"):
        if not shutil.which(program):
            return f"there is no {program}"
    if os.getuid() != 0:
        return "only root may make namespaces"
    if subprocess.run(["unshare", "--mount", "--net", "--uts", "true"],
                      stderr=subprocess.DEVNULL).returncode:
        return "namespaces cannot be made here"
    return None


@contextlib.contextmanager
def two_hosts(libvirt):
    """URIs and connections of both hosts: {name: (uri, virConnect)}."""
    directory = tempfile.mkdtemp()
    processes = {}
    hosts = {}
    try:
        for name, address in ADDRESSES.items():
            os.mkdir(f"{directory}/{name}")
            peer = [str(processes["alpha"].pid), ADDRESSES["alpha"]] \
                if processes else []
            with open(f"{directory}/{name}.log", "wb") as log:
                processes[name] = subprocess.Popen(
                    [f"{HERE}/host.sh", f"{directory}/{name}", name, address,
                     *peer], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            uri = ("qemu+unix:///system?socket="
                   f"{directory}/{name}/sock/libvirt-sock")
            hosts[name] = uri, open_when_ready(libvirt, uri, processes[name])
        yield hosts
    finally:
        for _, conn in hosts.values():
            with contextlib.suppress(libvirt.libvirtError):
                conn.close()
        for process in reversed(list(processes.values())):
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def open_when_ready(libvirt, uri, process):
    """Opens a connection as soon as the daemon answers."""
    for _ in range(600):
        try:
            return libvirt.open(uri)
        except libvirt.libvirtError:
            if process.poll() is not None:
                raise
            time.sleep(0.1)
    raise TimeoutError(uri)
