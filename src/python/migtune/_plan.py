# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plans, and their lowering for libvirt."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ._data import Parameter, Step, Verdict, VerdictKind
from ._errors import Error, call
from ._glib import (Cancellable, Migtune, Settings, from_json,
                    gio_cancellable, to_variant)

_POLICIES = {
    None: 0,
    "strict": Migtune.SetFlags.STRICT,
    "substitute": Migtune.SetFlags.SUBSTITUTE,
    "best-effort": Migtune.SetFlags.BEST_EFFORT,
}


def set_flags(policy: Optional[str], live: bool = False,
              config: bool = False) -> int:
    if policy not in _POLICIES:
        raise ValueError(f"unknown policy {policy!r}; expected 'strict', "
                         "'substitute' or 'best-effort'")
    flags = int(_POLICIES[policy])
    if live:
        flags |= int(Migtune.SetFlags.LIVE)
    if config:
        flags |= int(Migtune.SetFlags.CONFIG)
    return flags


class Plan:
    """The commands for a set of settings, and a verdict on each setting.

    Making a plan changes nothing.  ``str(plan)`` is the table of verdicts.  A
    plan is used by one thread at a time.
    """

    def __init__(self, plan: Migtune.Plan) -> None:
        self._plan = plan

    def __str__(self) -> str:
        return self._plan.to_text()

    def to_dict(self) -> Dict[str, Any]:
        """All of the plan as plain data: see migtune_plan_to_json()."""
        return from_json(self._plan.to_json())

    @property
    def verdicts(self) -> List[Verdict]:
        """The verdicts, in the order of the settings."""
        return [Verdict._from_json(row) for row in self.to_dict()["verdicts"]]

    @property
    def steps(self) -> List[Step]:
        """The QMP commands, in their order."""
        return [Step(row["side"], row["execute"], row["arguments"])
                for row in self.to_dict()["steps"]]

    @property
    def warnings(self) -> List[str]:
        """Sentences for people, such as about deprecated parameters."""
        return self.to_dict()["warnings"]

    @property
    def applied(self) -> bool:
        """Whether the plan has been applied."""
        return self.to_dict()["applied"]

    @property
    def in_force(self) -> bool:
        """Whether each setting is in force or kept exactly as requested."""
        return all(
            verdict.verdict in (VerdictKind.IN_FORCE, VerdictKind.KEPT)
            for verdict in self.verdicts)

    @property
    def changes(self) -> bool:
        """Whether the plan changes, or has changed, a value.

        It is false if all values were in force and kept before.
        """
        return self.to_dict()["changed"]

    def check(self) -> None:
        """Raises :class:`Error` if a setting was refused."""
        try:
            call(self._plan.check)
        except Error as error:
            error.verdicts = tuple(self.verdicts)
            raise

    def apply(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Changes the guest: all settings or none.

        The verdicts then say which values were read back.  A plan can be
        applied once.
        """
        try:
            call(self._plan.apply, gio_cancellable(cancel))
        except Error as error:
            error.verdicts = tuple(self.verdicts)
            raise

    def lower(self, libvirt: Optional[str] = None, *,
              cancel: Optional[Cancellable] = None) -> Lowering:
        """The same settings for a migration by libvirt.

        *libvirt* is a release such as "9.0", the older one of the two hosts;
        without it the daemon of the plan's connection is asked.
        """
        return Lowering(call(self._plan.lower, libvirt,
                             gio_cancellable(cancel)))


class Lowering:
    """Settings for a migration by libvirt.

    ::

        lowering.prepare()
        dom.migrateToURI3(uri, {**lowering.params, **others},
                          lowering.flags | libvirt.VIR_MIGRATE_PEER2PEER)
    """

    def __init__(self, lowering: Migtune.Lowering) -> None:
        self._lowering = lowering

    @property
    def flags(self) -> int:
        """Flags for ``migrateToURI3()``, VIR_MIGRATE_LIVE among them.

        The caller adds its own, such as VIR_MIGRATE_PEER2PEER.
        """
        return self._lowering.get_flags()

    @property
    def params(self) -> Dict[str, Any]:
        """Typed parameters for ``migrateToURI3()``, as a new dictionary."""
        return self._lowering.get_settings().unpack()

    def check(self) -> None:
        """Raises :class:`Error` if libvirt does not support a setting."""
        call(self._lowering.check)

    def prepare(self, *, cancel: Optional[Cancellable] = None) -> None:
        """Sets what has to be set in the guest just before the migration."""
        call(self._lowering.prepare, gio_cancellable(cancel))

    def virsh(self, destination: Optional[str] = None) -> List[str]:
        """The commands of virsh that do the same."""
        return list(self._lowering.to_virsh(destination))

    def to_dict(self) -> Dict[str, Any]:
        """All of the lowering: see migtune_lowering_to_json()."""
        return from_json(self._lowering.to_json())


def explain(qemu: str, settings: Settings, *,
            policy: Optional[str] = None) -> Plan:
    """Plans without a guest, for a QEMU release such as "9.1".

    The plan is made for a QEMU that has just been started and was built with
    all options.  It can be lowered, but not applied.
    """
    return Plan(call(Migtune.explain_settings, qemu, to_variant(settings),
                     set_flags(policy)))


def parse(words: List[str]) -> Dict[str, Any]:
    """Texts of the form ``NAME=VALUE`` as settings, with the catalogue's types."""
    return call(Migtune.settings_parse, words).unpack()


def catalogue(qemu: Optional[str] = None) -> Dict[str, Parameter]:
    """The catalogue by name; with *qemu*, what that release has."""
    rows = from_json(call(Migtune.catalogue_to_json, qemu))
    return {row["name"]: Parameter._from_json(row) for row in rows}


def canonical_name(name: str) -> Optional[str]:
    """migtune's name of a parameter that may have QEMU's spelling."""
    return Migtune.param_canonical_name(name)
