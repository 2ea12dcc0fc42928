# SPDX-License-Identifier: LGPL-2.1-or-later
"""A migration between two guests that are both known."""
from __future__ import annotations

import os
from typing import (Any, Callable, Dict, Iterator, List, Optional, Sequence,
                    Tuple, Union)

from ._convergence import Policy, library_policy
from ._data import Check, Decision, Job, Outcome
from ._domain import Domain, iterate
from ._errors import Error, ErrorCode, call
from ._glib import (Cancellable, Migtune, Settings, from_json,
                    gio_cancellable, milliseconds, to_variant)
from ._plan import set_flags


class Migration:
    """A migration from *source* to *destination*, a guest that waits for it.

    Both sides get settings that fit each other, the source migrates, and the
    guest runs on the destination only after the source has finished.  If
    anything fails before the guest moves, both sides get their former settings
    back.

    *settings* and *policy* are those of :meth:`Domain.set`.  *listen* and
    *connect* are QEMU addresses for both sides; by default the destination
    listens at a free TCP port.  *timeout* cancels the migration after that many
    seconds.  *trust_link* lets the destination start the guest by itself: the
    guest is stopped for a shorter time, and can run on both sides if the link
    breaks in the last moment.  *unsafe* migrates even if a finding forbids it.

    *converge* is the convergence policy that acts on the migration, a
    :class:`Policy` or its name, and *shadow* are policies whose decisions are
    only recorded.  *record* is a file for a trace, *metrics* one for
    OpenMetrics.  :attr:`decisions` has what was decided.

    One thread runs a migration; any thread may call :meth:`abort`,
    :meth:`start_postcopy` and :attr:`state`.
    """

    def __init__(self, source: Domain, destination: Domain,
                 settings: Optional[Settings] = None, *,
                 policy: Optional[str] = None, listen: Optional[str] = None,
                 connect: Optional[str] = None,
                 timeout: Optional[float] = None, trust_link: bool = False,
                 unsafe: bool = False,
                 converge: Union[str, Policy, None] = None,
                 shadow: Sequence[Union[str, Policy]] = (),
                 record: Union[str, "os.PathLike[str]", None] = None,
                 metrics: Union[str, "os.PathLike[str]", None] = None
                 ) -> None:
        flags = set_flags(policy)
        if trust_link:
            flags |= int(Migtune.MigrationFlags.TRUST_LINK)
        if unsafe:
            flags |= int(Migtune.MigrationFlags.UNSAFE)
        self.source = source
        self.destination = destination
        self._migration = call(
            Migtune.Migration.new_settings, source._domain,
            destination._domain, to_variant(settings or {}), flags)
        if listen is not None or connect is not None:
            self._migration.set_address(listen, connect)
        self._migration.set_timeout(milliseconds(timeout))
        self._decisions: List[Decision] = []
        if converge is not None or shadow or record or metrics:
            self._follow(converge, shadow, record, metrics)

    def _follow(self, converge: Union[str, Policy, None],
                shadow: Sequence[Union[str, Policy]],
                record: Union[str, "os.PathLike[str]", None],
                metrics: Union[str, "os.PathLike[str]", None]) -> None:
        if isinstance(shadow, (str, Policy)):
            raise TypeError("shadow must be a sequence of policies")
        call(self._migration.set_convergence,
             None if converge is None else library_policy(converge),
             [library_policy(one) for one in shadow] or None,
             None if record is None else os.fspath(record),
             None if metrics is None else os.fspath(metrics))
        decisions = self._decisions

        def take(migration: Any, decision: Any) -> None:
            decisions.append(Decision._from_json(decision.unpack()))

        # This closure must not refer to self, which would never be freed.
        self._migration.connect("decision", take)

    @property
    def decisions(self) -> Tuple[Decision, ...]:
        """What the convergence policies have decided so far."""
        return tuple(self._decisions)

    @property
    def state(self) -> str:
        """``new``, ``checked``, ``tuning``, ``listening``, ``migrating``,
        ``starting``, ``completed``, ``failed``, ``cancelled`` or ``unknown``."""
        return self._migration.get_state().value_nick

    @property
    def outcome(self) -> Optional[Outcome]:
        """Where the guest is; None before :meth:`run` has ended."""
        data = self.to_dict().get("outcome")
        return Outcome._from_json(data) if data else None

    def to_dict(self) -> Dict[str, Any]:
        """All of the migration: see migtune_migration_to_json()."""
        return from_json(self._migration.to_json())

    def check(self, *, cancel: Optional[Cancellable] = None) -> Check:
        """Compares both sides and plans their settings; nothing is changed.

        A finding that forbids the migration does not raise an exception: see
        :attr:`Check.ok`.
        """
        try:
            call(self._migration.check, gio_cancellable(cancel))
        except Error as error:
            if error.code != ErrorCode.CONFLICT:
                raise
            check = Check._from_json(self.to_dict())
            if not check.refusals:
                raise
            return check
        return Check._from_json(self.to_dict())

    def run(self, *, on_progress: Optional[Callable[[Job], Any]] = None,
            cancel: Optional[Cancellable] = None) -> Outcome:
        """Checks, unless that has been done, and migrates.

        It returns when the guest runs on the destination.  *on_progress* is
        called with each sample in this thread and may act on the migration; an
        exception of it cancels the migration.  Cancelling the call cancels the
        migration unless post-copy has begun.

        An :class:`Error` has :attr:`Error.outcome`; the guest is then on the
        source, unless the code is ``state-unknown``.
        """
        raised: List[BaseException] = []
        seen = len(self._decisions)
        cancel = cancel or Cancellable()

        def show(migration: Any, info: Any, *data: Any) -> None:
            nonlocal seen
            assert on_progress and cancel
            if raised:
                return
            new = self._decisions[seen:]
            seen += len(new)
            try:
                on_progress(Job._from_json(from_json(info), new))
            except BaseException as exception:
                raised.append(exception)
                cancel.cancel()

        if on_progress:
            self._migration.set_observer(show, None)
        try:
            call(self._migration.run, gio_cancellable(cancel))
        except Error as error:
            if raised:
                raise raised[0] from None
            error.outcome = self.outcome
            raise
        finally:
            if on_progress:
                self._migration.set_observer(None, None)
        if raised:
            raise raised[0]
        outcome = self.outcome
        assert outcome
        return outcome

    def progress(self) -> Iterator[Job]:
        """Runs the migration in a thread, and yields each sample.

        :meth:`run`'s error is raised after the last sample.  If the loop is
        left, the migration is cancelled.
        """
        cancel = Cancellable()
        return iterate(lambda on_progress: self.run(
            on_progress=on_progress, cancel=cancel), cancel)

    def abort(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Cancels the migration: :meth:`run` fails with ``cancelled``.

        After post-copy has begun this fails with the code ``conflict`` and the
        reason ``postcopy-begun``.
        """
        call(self._migration.abort, gio_cancellable(cancel))

    def start_postcopy(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Switches a migration with the setting ``postcopy`` to post-copy."""
        call(self._migration.start_postcopy, gio_cancellable(cancel))


def recover(dry_run: bool = False, *,
            cancel: Optional[Cancellable] = None) -> List[Dict[str, Any]]:
    """Clears up after migrations that were cut off.

    See migtune_recover().  With *dry_run* it only looks.
    """
    return from_json(call(Migtune.recover, dry_run, gio_cancellable(cancel)))
