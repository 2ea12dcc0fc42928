# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tune the live migration of QEMU's guests.

Connect, open a guest, look and change::

    import migtune

    with migtune.connect("qemu:///system") as conn:
        web1 = conn.domain("web1")
        print(web1.get("compression", "downtime"))
        plan = web1.set({"compression": "zstd", "downtime": 200})
        for verdict in plan.verdicts:
            print(verdict.name, verdict.verdict, verdict.after)

Values have the types of the catalogue: see :func:`catalogue` and
migtune-params(7).  Calls block, release the interpreter lock while they wait, and
raise :class:`Error`.  The module :mod:`migtune.aio` has the same classes for
asyncio.  The manual page is migtune-python(3).
"""
from ._connection import Connection, connect, drivers
from ._convergence import Convergence, Policy, policies
from ._data import (Check, Decision, Finding, Job, Outcome, Parameter, Step,
                    Support, Verdict, VerdictKind)
from ._domain import Domain
from . import _end  # noqa: F401
from ._errors import Error, ErrorCode
from ._glib import Cancellable, Migtune as _Migtune
from ._migration import Migration, recover
from ._plan import (Lowering, Plan, canonical_name, catalogue, explain, parse)

__version__ = _Migtune.get_version()
__all__ = [
    "Cancellable", "Check", "Connection", "Convergence", "Decision", "Domain",
    "Error", "ErrorCode", "Finding", "Job", "Lowering", "Migration", "Outcome",
    "Parameter", "Plan", "Policy", "Step", "Support", "Verdict", "VerdictKind",
    "canonical_name", "catalogue", "connect", "drivers", "explain", "parse",
    "policies", "recover",
]

# Where people look for them: migtune.Domain, not migtune._domain.Domain.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
