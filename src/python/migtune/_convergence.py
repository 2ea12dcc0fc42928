# SPDX-License-Identifier: LGPL-2.1-or-later
"""Convergence policies beside a running migration."""
from __future__ import annotations

import os
from types import TracebackType
from typing import (Any, Callable, Dict, Iterable, List, Optional, Sequence,
                    Type, Union)

from ._data import Decision, Job
from ._domain import Domain
from ._errors import Error, call
from ._glib import (Cancellable, Migtune, from_json, gio_cancellable,
                    milliseconds)

Act = Callable[[str, int, str], Any]

_ALLOW = {
    "postcopy": Migtune.PolicyAllow.POSTCOPY,
    "throttle": Migtune.PolicyAllow.THROTTLE,
    "pause": Migtune.PolicyAllow.PAUSE,
}


class Policy:
    """A convergence policy: see migtune(1).

    *name* is one of :func:`policies`; the policy has the default values of the
    program that it comes from.
    """

    def __init__(self, name: str) -> None:
        self._policy = call(Migtune.Policy.new, name)

    @classmethod
    def from_file(cls, path: Union[str, os.PathLike], *select: str) -> Policy:
        """Reads the configuration of another program, such as ``nova.conf``.

        *select* says what to use of the file: see migtune_policy_import().
        """
        self = cls.__new__(cls)
        self._policy = call(Migtune.Policy.import_, os.fspath(path),
                            list(select))
        return self

    def limit(self, *, max_downtime: Optional[float] = None,
              deadline: Optional[float] = None,
              allow: Iterable[str] = ()) -> Policy:
        """Sets limits before the policy is used, and returns it.

        *max_downtime* and *deadline* are seconds: the longest downtime that may
        be set, and when the migration is aborted.  *allow* has ``postcopy``,
        ``throttle`` and ``pause``, which the policy ``steady`` takes only if
        they are allowed.
        """
        flags = 0
        for word in allow:
            if word not in _ALLOW:
                raise ValueError(f"{word!r} is not one of "
                                 + ", ".join(_ALLOW))
            flags |= int(_ALLOW[word])
        self._policy.set_limits(milliseconds(max_downtime),
                                milliseconds(deadline), flags)
        return self

    @property
    def name(self) -> str:
        """Its name; for one that was read from a file, with that file."""
        return self._policy.get_name()

    def to_dict(self) -> Dict[str, Any]:
        """The settings, and findings about the file: see
        migtune_policy_to_json()."""
        return from_json(self._policy.to_json())


def library_policy(value: Union[str, Policy]) -> Any:
    """The library's object for a policy or for a name."""
    if isinstance(value, str):
        value = Policy(value)
    if not isinstance(value, Policy):
        raise TypeError("a policy must be a Policy or a str, not "
                        + type(value).__name__)
    return value._policy


def policies() -> List[str]:
    """The names of all policies."""
    return list(Migtune.policy_list())


class Convergence:
    """Policies that follow a migration of *domain*.

    Another program may have started the migration.
    The decisions of *policy* are passed to the function that :meth:`follow` is
    given; the decisions of *shadows* are only recorded.  *record* is a trace to
    write, and *metrics* a file for OpenMetrics.  One thread uses it at a time.

    ::

        with migtune.Convergence(domain, shadows=[policy]) as shadow:
            while not shadow.follow().ended:
                time.sleep(0.5)
        print(shadow.decisions)
    """

    def __init__(self, domain: Domain, policy: Optional[Policy] = None, *,
                 shadows: Sequence[Policy] = (),
                 record: Union[str, os.PathLike, None] = None,
                 metrics: Union[str, os.PathLike, None] = None) -> None:
        self._domain = domain._domain
        self._convergence = call(
            Migtune.Convergence.new, domain.name,
            policy and policy._policy, [shadow._policy for shadow in shadows],
            None if record is None else os.fspath(record),
            None if metrics is None else os.fspath(metrics))

    def __enter__(self) -> Convergence:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.finish()

    def start(self, *, downtime: int = 0, postcopy: bool = False) -> None:
        """Call it once, when the migration starts.

        *downtime* is the allowed downtime in milliseconds, if it is known, and
        *postcopy* whether post-copy is available to the acting policy.  Without
        this call the first :meth:`follow` starts with the defaults.
        """
        self._convergence.start(None, downtime, postcopy)

    def follow(self, elapsed: float = 0.0, act: Optional[Act] = None, *,
               cancel: Optional[Cancellable] = None) -> Job:
        """Shows the statistics of now to the policies, and returns them.

        Call it several times a second.  *elapsed* is the time since the start
        in seconds; it is used if the statistics do not have that time.
        ``act(action, value, reason)`` carries a decision of the acting policy
        out, and returns whether that succeeded.
        """
        raised: List[BaseException] = []

        def run(action: str, value: int, reason: str, *data: Any) -> bool:
            assert act
            try:
                return bool(act(action, value, reason))
            except BaseException as exception:
                raised.append(exception)
                return False

        info = call(self._domain.get_job_info, gio_cancellable(cancel))
        self._convergence.follow(round(elapsed * 1000), info,
                                 run if act else None, None)
        if raised:
            raise raised[0]
        return Job._from_json(from_json(info))

    def finish(self) -> None:
        """Writes the outcome and closes the trace.

        Raises :class:`Error` with ``io`` if anything could not be written since
        the start.
        """
        info = None
        try:
            info = call(self._domain.get_job_info, None)
        except Error:
            pass                # the guest is gone; the trace says "unknown"
        call(self._convergence.finish, info)

    @property
    def decisions(self) -> List[Decision]:
        """The decisions so far, of all policies."""
        return [Decision._from_json(row)
                for row in from_json(self._convergence.get_decisions())]
