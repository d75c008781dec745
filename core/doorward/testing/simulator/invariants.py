"""What has to hold, checked at every step; each a few lines.

Those of one write look at the objects right before and right after it; those of the end are in
:mod:`doorward.testing.simulator.expectations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.door import Claim
from doorward.model.event import Applied, Configured, Deleted, Observed, Synced
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.state.facts import controller_of
from doorward.state.transform import HOSTS, HOSTS_WRITTEN
from doorward.testing.simulator import requests
from doorward.testing.simulator.oracle import Ask, Host, ask, inside_door, is_forbidden, is_left
from doorward.testing.simulator.replica import Outcome, Replica, fold
from doorward.testing.simulator.world import DOORS, World, owner


class Violation(Exception):
    """An invariant doesn't hold."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant


class View(msgspec.Struct, frozen=True):
    """What an engine knew when it decided on an action."""

    service: JsonObject | None
    settings: Settings | None
    services: frozenset[str] = frozenset()
    """The Services of this service that it knew of, by name."""
    version: int = 0
    """The cluster's resourceVersion at that time."""
    since: Mapping[Host, float] = {}
    """The hosts on which the service was served, and since when: a request may be long on its way, and they may be
    gone and back when it lands."""

    def ask(self) -> Ask | None:
        if self.service and is_left(self.service):
            return Ask("closed")  # by what it says itself, whatever the settings are
        return ask(self.service, self.settings) if self.service and self.settings else None


class Invariants:
    """The checks of one run, with what they remember of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.uncertain = False
        """A request may land after it was given up, or the engine was made to forget: two services may meet for long
        enough to look again."""
        self.jumped = False
        self._settings: dict[int, Settings | None] = {}
        self._views: dict[tuple[int, int], View] = {}
        self._since: dict[str, dict[Host, float]] = {}
        self._until: dict[Host, tuple[str, int]] = {}
        """Who served a host last, until which resourceVersion."""
        self._inside: dict[str, dict[str, float]] = {}
        self.forgetful = False
        """Whether a journal was lost."""
        self._claims: dict[tuple[str, str], set[Host]] = {}
        self._closed: dict[tuple[str, str], bool] = {}
        self._closed_under: Settings | None = None

    # -- when actions are handed out

    def acted(self, replica: Replica, actions: list[Action]) -> None:
        for action in actions:
            uid, engine = action.service, replica.engine
            services = frozenset(ref.name for ref, _ in engine.objects(uid) if ref.kind == SERVICE)
            since = self._since.get(uid, {})
            view = View(engine.service(uid), engine.settings, services, self._version, since)
            self._views[replica.serial, action.id] = view
            self.has_a_cause(replica, action)
        self.closed_at_once(replica)
        self.keeps_good_settings(replica)

    def keeps_good_settings(self, replica: Replica) -> None:
        """Settings in force give way to other good ones of the ConfigMap, and to nothing else."""
        before, now = self._settings.get(replica.serial), replica.engine.settings
        if now is before:
            return
        if before is not None and now != before and now not in self.world.good[1:]:
            told = now.model_dump(exclude_defaults=True) if now else None
            raise Violation("settings", f"good ones gave way to {told}, which no ConfigMap asked for")
        self._settings[replica.serial] = now

    def has_a_cause(self, replica: Replica, action: Action) -> None:
        """Every write's chain of causes ends at something that was observed."""
        number, last = action.cause, replica.records[-1].number
        while number > replica.since or number == 0:
            record = replica.records[number - last - 1] if 0 < number <= last else None
            if record is None or record.number != number:
                raise Violation("cause", f"{action.verb} {action.ref} ({action.reason}): no record {number}")
            if record.cause == 0:
                if isinstance(record.event, Observed | Deleted | Synced | Configured):
                    return
                raise Violation("cause", f"{action.verb} {action.ref}: begins with {type(record.event).__name__}")
            if record.cause >= number:
                raise Violation("cause", f"record {number} has cause {record.cause}")
            number = record.cause

    def closed_at_once(self, replica: Replica) -> None:
        """Whatever of a door must be closed is on its way to be, as soon as the engine has come to decide it."""
        engine = replica.engine
        settings = engine.settings
        if engine.undecided or engine.stands_by or settings is None:
            return
        if any(kind in engine.unsynced for kind in engine.backends.base_kinds):
            return
        under_way = (
            {action.ref for action in replica.issued} | {action.ref for action, _ in replica.answers} | replica.troubled
        )
        for uid, service in self.world.services().items():
            if engine.seen(uid) != service["metadata"]["resourceVersion"]:
                continue
            if "deletionTimestamp" in service["metadata"] or not self._is_closed(service, settings):
                continue
            for ref, obj in engine.objects(uid):
                whole = {"kind": ref.kind.partition(".")[0], **obj}
                ours = controller_of(obj["metadata"]) in ("", uid) and "deletionTimestamp" not in obj["metadata"]
                if ours and requests.outside(whole) and ref not in under_way:
                    raise Violation("closing", f"{ref} stays open though {_name(service)} is closed")

    def _is_closed(self, service: JsonObject, settings: Settings) -> bool:
        """Whether a service asks for no outside door.  Remembered, since it is asked of every service at every step."""
        if settings is not self._closed_under:
            self._closed_under = settings
            self._closed.clear()
        key = service["metadata"]["uid"], service["metadata"]["resourceVersion"]
        known = self._closed.get(key)
        if known is None:
            known = self._closed[key] = ask(service, settings).state == "closed"
        return known

    # -- around a write

    def wrote(
        self, replica: Replica, action: Action, before: JsonObject | None, around: list[JsonObject], outcome: Outcome
    ) -> None:
        """``before`` is the object, ``around`` those of the service, right before the write."""
        if action.verb in ("verify", "event") or not isinstance(outcome, Applied):
            return
        self.touches_only_ours(action, before)
        if action.ref.kind in DOORS:
            after = self.world.of(action.service)
            self.goes_on_serving(replica, action, around, after)
            self.goes_on_inside(replica, action, around, after)
            if action.verb in ("create", "patch"):
                self._write_over(action)
                self.one_owner(replica, action)

    def _write_over(self, action: Action) -> None:
        """What the engine has written of an object is no forgery any more."""
        obj = self._now(action)
        if obj and "spec" in (action.body or {}):
            uid = obj["metadata"]["uid"]
            self.world.forged = {each for each in self.world.forged if each[0] != uid}

    def touches_only_ours(self, action: Action, before: JsonObject | None) -> None:
        what = f"{action.verb} {action.ref} ({action.reason})"
        if action.verb == "create":
            return
        if before is None:
            raise Violation("foreign", f"{what}: there is no such object")
        if action.verb == "status":
            kept, now = ([c for c in _conditions(o) if not _written(c)] for o in (before, self._now(action) or before))
            if kept != now:
                raise Violation("foreign", f"{what}: changes conditions of others: {kept} to {now}")
        elif self.world.is_abroad(before):
            raise Violation("foreign", f"{what}: a tenant made it, and it is no part of that service")
        elif owner(before) != action.service or controller_of(before["metadata"]) not in ("", action.service):
            raise Violation("foreign", f"{what}: belongs to {owner(before) or 'somebody else'}")

    def landed(self, uid: str) -> None:
        """A write took effect that nobody waited for: to the engine it is like anybody's."""
        self.world.disturbed[uid] = self.world.clock.now
        self._served(uid, self.world.of(uid))

    def changed(self) -> None:
        """Others than doorward did something: from now on what leads to a service serves it, and nothing else does."""
        owned = self.world.by_owner()
        for uid in {**self.world.services(), **self._since}:  # of a service that is gone, objects may stand
            self._served(uid, owned.get(uid, []))

    def _served(self, uid: str, after: list[JsonObject]) -> set[Host]:
        """The hosts on which a service is served by its objects of now; since when they are led to it is remembered."""
        ways = {host: list(requests.ways(after, *host)) for obj in after for host in self.claims(obj)}
        since = self._since.get(uid, {})
        self._since[uid] = {host: since.get(host, self.world.clock.now) for host, by in ways.items() if by}
        self._until.update((host, (uid, self._version)) for host in since if not ways.get(host))
        # A Service that is a door itself for a while can't lead to the local gateway, which removes prefixes.
        plain = any(obj["kind"] == "Service" and requests.outside(obj) for obj in after)
        return {host for host, by in ways.items() if (plain and by) or requests.is_served(by, host[1])}

    def goes_on_serving(
        self,
        replica: Replica,
        action: Action,
        around: list[JsonObject],
        after: list[JsonObject],
    ) -> None:
        """A host that was served is served until it is meant to go."""
        uid, now = action.service, self.world.clock.now
        held = {host for obj in around for host in self.claims(obj)}
        was = {host for host in held if requests.is_served(requests.ways(around, *host), host[1])}
        lost = was - self._served(uid, after)
        if not lost or uid in self.world.disturbed or uid in self.world.hostile:
            return
        if uid not in self.world.services():
            return  # its doors go with it, whether or not the engine knows yet
        since = View(replica.engine.service(uid), replica.engine.settings).ask()
        if since is not None and since.state == "closed":
            return
        view = self._views.get((replica.serial, action.id))
        asked = view.ask() if view else None
        if view is None or view.service is None or asked is None or asked.state == "closed":
            if asked is None and view and view.service is not None:
                raise Violation("continuity", f"{sorted(lost)} of {uid} went without settings")
            return
        if asked.state == "unclear":
            return
        assert view.settings is not None
        namespace = view.service["metadata"]["namespace"]
        lost = {host for host in lost if not is_forbidden(host, namespace, view.settings)}
        what = f"{action.verb} {action.ref} ({action.reason}) takes {sorted(lost)} away"
        if lost and asked.state in ("invalid", "poisoned"):
            raise Violation("continuity", f"{what} though the door is held")
        for host in lost:
            if host in asked.hosts:
                if not self._rivals(uid, host) and not self._given_up_since(replica, action, host):
                    raise Violation("continuity", f"{what} though it is asked for")
                continue
            new = (h for h in self._since[uid] if h in asked.hosts and not self._was_anothers(uid, h, view))
            newest = max((min(self._since[uid][h], view.since.get(h, now)) for h in new), default=None)
            if newest is not None and newest + view.settings.overlap_seconds > now + 0.001 and not self.jumped:
                raise Violation("continuity", f"{what} {now - newest:.1f}s after the new was served")

    def goes_on_inside(
        self, replica: Replica, action: Action, around: list[JsonObject], after: list[JsonObject]
    ) -> None:
        """Service DOOR leads to the service from inside, and does so under its former name until the new one has had
        its time, unless that leads in from outside too."""
        uid, now, was = action.service, self.world.clock.now, requests.inside(around)
        open_ = {obj["metadata"]["name"] for obj in around if obj["kind"] == "Service" and requests.outside(obj)}
        still, known = requests.inside(after), self._inside.get(uid, {})
        since = self._inside[uid] = {name: known.get(name, now) for name in still}
        view = self._views.get((replica.serial, action.id))
        if view is None or view.service is None or view.settings is None:
            return
        door = inside_door(view.service, view.settings)
        lost = {name for name in was - still if name in view.services and (name == door or name not in open_)}
        if not lost:
            return
        strange = uid in self.world.disturbed or uid in self.world.hostile
        if strange or self.jumped or uid not in self.world.services():
            return
        if not door or self._is_anothers(Ref(SERVICE, action.ref.namespace, door), uid):
            return
        by_now = View(replica.engine.service(uid), replica.engine.settings)
        if by_now.service and by_now.settings and not inside_door(by_now.service, by_now.settings):
            return  # there is to be none since
        what = f"{action.verb} {action.ref} ({action.reason}) takes {sorted(lost)} away inside"
        if door not in still:
            raise Violation("continuity", f"{what}, and {door} isn't there")
        if since[door] + view.settings.overlap_seconds > now + 0.001:
            raise Violation("continuity", f"{what} {now - since[door]:.1f}s after {door} was there")

    def _is_anothers(self, ref: Ref, uid: str) -> bool:
        obj = self.world.entry(*ref)
        return obj is not None and owner(obj) != uid

    def one_owner(self, replica: Replica, action: Action) -> None:
        """One host, one owner: a write never puts a service's object on another's host, as far as it may be known."""
        if self.uncertain or action.service in self.world.disturbed:
            return
        obj = self._now(action)
        for host in self.claims(obj) if obj else ():
            for rival in self._rivals(action.service, host):
                if owner(rival) in self.world.disturbed or replica.is_blind_to(rival):
                    continue
                what = f"{rival['kind']} {rival['metadata']['namespace']}/{rival['metadata']['name']}"
                raise Violation("owner", f"{action.verb} {action.ref} ({action.reason}): {host} is served by {what}")

    # -- at restarts

    def same_as_fold(self, replica: Replica) -> Engine:
        """The fold of the journal is the engine's state; the fold."""
        folded = fold(replica.records, self.world)
        ours, theirs = replica.engine.fingerprint(), folded.fingerprint()
        for part, value in ours.items():
            if value != theirs[part]:
                raise Violation("fold", f"{part}: {difference(value, theirs[part])}")
        return folded

    # -- look-ups

    @property
    def _version(self) -> int:
        return int(self.world.store.resource_version)

    def _was_anothers(self, uid: str, host: Host, view: View) -> bool:
        """Whether another service gave a host up only after an action was decided."""
        overlapping = (last for other, last in self._until.items() if requests.overlap(host, other))
        return any(who != uid and until > view.version for who, until in overlapping)

    def _given_up_since(self, replica: Replica, action: Action, host: Host) -> bool:
        """Whether a later action of the service, which may be performed earlier, was decided without that host."""
        later = (view for (serial, id_), view in self._views.items() if serial == replica.serial and id_ > action.id)
        asks = [view.ask() for view in later if view.service and view.service["metadata"]["uid"] == action.service]
        return any(ask is not None and host not in ask.hosts for ask in asks)

    def claims(self, obj: JsonObject) -> set[Host]:
        key = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
        known = self._claims.get(key)
        if known is None:
            known = self._claims[key] = requests.claimed(obj)
        return known

    def _rivals(self, uid: str, host: Host) -> Iterable[JsonObject]:
        return [
            obj
            for obj in self.world.ours()
            if owner(obj) != uid
            and any(requests.overlap(host, other) for other in self.claims(obj) if not self._is_forged(obj, other))
        ]

    def _is_forged(self, obj: JsonObject, host: Host) -> bool:
        return (obj["metadata"]["uid"], host) in self.world.forged

    def unproven(self) -> None:
        """A journal is lost: whatever isn't named in a service's status yet, nobody knows to be ours.

        Where a tenant forges, before that or after, such a host may be anybody's.
        """
        if not (self.world.hostile and self.forgetful):
            return
        for uid, service in self.world.services().items():
            told = ((service.get("status") or {}).get("annotations") or {}).get(HOSTS, "").split()
            served = {Claim(*host).key for obj in self.world.of(uid) for host in self.claims(obj)}
            if not served <= set(told):
                self.world.disturbed[uid] = self.world.clock.now

    def _now(self, action: Action) -> JsonObject | None:
        return self.world.entry(*action.ref)


def _conditions(obj: JsonObject) -> list[JsonObject]:
    return (obj.get("status") or {}).get("conditions") or []


def _written(condition: JsonObject) -> bool:
    return condition["type"] in ("IngressReady", "doorward.io/DoorReady", HOSTS_WRITTEN)


def _name(service: JsonObject) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def difference(one: object, other: object, path: str = "") -> str:
    """The first place where two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}, key=str):
            if one.get(key) != other.get(key):
                return difference(one.get(key), other.get(key), f"{path}.{key}")
    return f"{path}: {str(one)[:300]} or {str(other)[:300]}"
