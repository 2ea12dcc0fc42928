# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers of the library as dataclasses."""
from __future__ import annotations

import dataclasses
import enum
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

#: The version of :meth:`Check.to_message`.
MESSAGE_VERSION = 1


class VerdictKind(str, enum.Enum):
    """What became, or would become, of a setting: see libmigtune(3)."""

    IN_FORCE = "in-force"
    SUBSTITUTED = "substituted"
    IGNORED = "ignored"
    DROPPED = "dropped"
    REFUSED = "refused"
    KEPT = "kept"
    NO_EFFECT = "no-effect"
    UNVERIFIED = "unverified"
    FORGOTTEN = "forgotten"
    PLANNED = "planned"

    def __str__(self) -> str:
        return self.value


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict on one setting of a plan.

    ``name``
        the parameter
    ``asked``
        the requested value
    ``before``
        the value when the plan was made; None if it is not known
    ``after``
        the value that is expected, or was read back once the plan was applied
    ``becomes``
        the settings that are used instead
    ``codes``
        one stable word for each sentence of the reason
    ``reason``
        why, as translated text; None if there is nothing to say
    ``since``, ``removed``
        the QEMU releases that added and removed the parameter
    """

    name: str
    verdict: VerdictKind
    asked: Any
    before: Any
    after: Any
    becomes: Dict[str, Any]
    codes: Tuple[str, ...]
    reason: Optional[str]
    since: Optional[str]
    removed: Optional[str]

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(
            name=data["name"], verdict=VerdictKind(data["verdict"]),
            asked=data["asked"], before=data["before"], after=data["after"],
            becomes={item["name"]: item["value"]
                     for item in data.get("becomes") or ()},
            codes=tuple(data.get("codes") or ()), reason=data["reason"],
            since=data["since"], removed=data["removed"])


@dataclasses.dataclass(frozen=True)
class Step:
    """A QMP command of a plan."""

    side: str
    execute: str
    arguments: Any


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A row of the catalogue: see migtune-params(7).

    ``qmp``
        QEMU's name; None for ``compression``
    ``kind``
        ``capability``, ``parameter`` or ``wish``
    ``type``
        ``bool``, ``int``, ``ullong``, ``enum``, ``string`` or ``json``
    ``sides``
        ``source``, ``destination`` or ``both``
    ``pair``
        ``free``, ``equal`` (both sides of a migration need equal values) or
        ``follow`` (the destination takes the value of the source)
    ``pair_with``
        the capability that must be on for ``pair`` to count, or None
    ``before_listening``
        whether the destination needs the value before it listens
    ``libvirt``
        whether the name is libvirt's own
    """

    name: str
    qmp: Optional[str]
    kind: str
    type: str
    unit: Optional[str]
    min: Any
    max: Any
    default: Any
    values: Tuple[str, ...]
    sides: str
    pair: str
    pair_with: Optional[str]
    before_listening: bool
    since: Optional[str]
    deprecated: Optional[str]
    removed: Optional[str]
    libvirt: bool
    help: str

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Parameter:
        known = {field.name: data.get(field.name)
                 for field in dataclasses.fields(cls)}
        known["values"] = tuple(data.get("values") or ())
        return cls(**known)


@dataclasses.dataclass(frozen=True)
class Support:
    """What the QEMU of a guest supports.

    ``release``
        the release whose migration interface was found
    ``source``
        ``schema``, ``commands`` or ``cache``
    ``parameters``
        by name: ``qmp``, ``kind``, ``type``, ``values``, ``deprecated`` …
    ``absent``
        by name, what the catalogue has and this QEMU has not
    """

    qemu: str
    release: Optional[str]
    source: str
    parameters: Dict[str, Dict[str, Any]]
    absent: Dict[str, Dict[str, Any]]

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Support:
        return cls(
            qemu=data["qemu"], release=data["release"], source=data["source"],
            parameters={row["name"]: row for row in data["parameters"]},
            absent={row["name"]: row for row in data["absent"]})


@dataclasses.dataclass(frozen=True)
class Decision:
    """A decision of a convergence policy.

    ``policy``
        name of the policy
    ``time_ms``
        milliseconds since the start of the migration
    ``action``
        ``set-downtime``, ``set-bandwidth``, ``throttle``, ``post-copy``,
        ``pause``, ``abort``, ``set-deadline`` or ``note``
    ``value``
        milliseconds, bytes a second or percent; None without one
    ``code``
        stable word for the reason
    ``reason``
        why, as translated text
    ``result``
        ``taken``, ``failed``, ``refused`` by a limit of the caller, or ``shadow``
    ``error``
        why it failed; None if that is not known
    """

    policy: str
    time_ms: int
    action: str
    value: Optional[int]
    code: str
    reason: str
    result: str
    error: Optional[str] = None

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Decision:
        return cls(**{field.name: data.get(field.name)
                      for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Job:
    """A sample of a migration.

    ``domain``
        name of the guest
    ``job``
        ``none``, ``waiting``, ``active``, ``paused``, ``completed``, ``failed``
        or ``cancelled``
    ``status``
        QEMU's own word for it
    ``state``
        run state of the guest
    ``error``
        why the migration failed; None if that is not known
    ``statistics``
        by name: libvirt's names, or those of QEMU's query-migrate
    ``decisions``
        what the convergence policies of a :class:`Migration` have decided since
        the sample before
    """

    domain: str
    job: str
    status: str
    state: str
    error: Optional[str]
    statistics: Dict[str, Any]
    decisions: Tuple[Decision, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the migration has completed, failed or been cancelled."""
        return self.job in ("completed", "failed", "cancelled")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any],
                   decisions: Iterable[Decision] = ()) -> Job:
        return cls(
            domain=data["domain"], job=data["job"], status=data["status"],
            state=data["state"], error=data["error"],
            decisions=tuple(decisions),
            statistics={row["name"]: row["value"]
                        for row in data["statistics"]})


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the comparison of the two sides of a migration has found.

    ``id``
        stable name of the rule
    ``severity``
        ``refuse``, ``substitute``, ``warn`` or ``info``
    ``side``
        ``source``, ``destination`` or ``both``
    """

    id: str
    severity: str
    side: Optional[str]
    parameter: Optional[str]
    text: str
    fix: Optional[str]

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Finding:
        return cls(**{field.name: data.get(field.name)
                      for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Check:
    """The result of :meth:`Migration.check`.

    ``ok``
        whether the migration may begin
    ``verdicts``
        the settings of both sides: ``name``, ``asked``, ``source``,
        ``destination``, ``verdict`` and ``reason``
    """

    ok: bool
    findings: Tuple[Finding, ...]
    verdicts: Tuple[Dict[str, Any], ...]

    @property
    def refusals(self) -> List[Finding]:
        """The findings that forbid the migration."""
        return [finding for finding in self.findings
                if finding.severity == "refuse"]

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Check:
        return cls(
            ok=data["ok"],
            findings=tuple(Finding._from_json(row)
                           for row in data["findings"]),
            verdicts=tuple(data["verdicts"]))

    def to_message(self) -> Dict[str, Any]:
        """Plain data for a message to another program, such as an RPC.

        It has a version, and only what JSON can represent.
        """
        return {
            "version": MESSAGE_VERSION,
            "ok": self.ok,
            "findings": [dataclasses.asdict(finding)
                         for finding in self.findings],
            "verdicts": [dict(row) for row in self.verdicts],
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Check:
        """The check that :meth:`to_message` was called on.

        Members that this version does not know are ignored; another version is
        a ValueError.
        """
        if message.get("version") != MESSAGE_VERSION:
            raise ValueError("the message has version "
                             f"{message.get('version')!r}, and this is "
                             f"{MESSAGE_VERSION}")
        return cls._from_json(message)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Where the guest is after :meth:`Migration.run`.

    ``guest``
        ``source``, ``destination``, ``both``, ``stopped`` or ``unknown``
    ``extra_downtime_ms``
        the part of the downtime that QEMU does not count
    """

    guest: str
    source_state: Optional[str]
    destination_state: Optional[str]
    downtime_ms: Optional[int]
    extra_downtime_ms: Optional[int]
    total_ms: Optional[int]
    warnings: Tuple[str, ...]

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Outcome:
        known = {field.name: data.get(field.name.replace("_", "-"))
                 for field in dataclasses.fields(cls)}
        known["warnings"] = tuple(data.get("warnings") or ())
        return cls(**known)
