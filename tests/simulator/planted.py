"""Faults to plant into the engine and its shell, one at a time: each is a mistake that controllers do make.

Each entry patches something for as long as a test lasts.  The simulator has to notice every one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from doorward.backends import Backends
from doorward.cluster.protocol import ApiError
from doorward.door import addresses
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.door import Standing
from doorward.model.event import Applied, Failed, Leading, Record, Refused, Remembered, Synced, Unknown
from doorward.model.reference import Ref
from doorward.plan import closing, diff, draining, held
from doorward.plan.plan import Plan, Situation
from doorward.reconcile import case, holding, opening
from doorward.render.rendering import Rendered
from doorward.report import foreseen, status
from doorward.state import effective_settings, folds, reserved
from doorward.state import state as states
from doorward.state.facts import Fact, Facts
from doorward.state.reservations import Reservation, Reservations
from doorward.state.state import State
from doorward.state.timers import Timers
from doorward.testing.simulator.replica import Replica, Watch

Plant = Callable[[pytest.MonkeyPatch], None]

PLANTED: dict[str, Plant] = {}
NOTICED_BY: dict[str, int | str] = {
    "the_old_goes_before_the_new_stands": 2,
    "nobody_asks_whose_an_object_is": 21,
    "a_410_is_ignored": 96,
    "a_requeue_is_lost": 9,
    "status_is_written_without_a_precondition": 6,
    "a_claim_is_not_released": 2,
    "nobody_holds_a_claim": 4,
    "a_stale_view_is_trusted": 9,
    "a_time_out_is_taken_for_failure": "a-write-that-nobody-tells-of-is-looked-for",
    "a_time_out_is_taken_for_success": 106,
    "a_list_sweeps_nothing": 9,
    "a_list_sweeps_what_is_newer": 76,
    "a_404_forgets_the_successor": "a-404-forgets-the-successor",
    "closing_is_forgotten": 9,
    "closing_waits_for_requests_under_way": "closing-waits-for-requests-under-way",
    "what_is_remembered_is_not_journalled": 6,
    "a_restart_forgets_what_was_in_flight": "a-write-in-doubt-takes-no-host-from-what-stands",
    "a_folded_list_sweeps_everything": 10,
    "who_takes_over_believes_what_it_remembers": 1264,
    "a_clock_that_jumps_is_believed": 180,
    "bad_settings_become_defaults": 7,
    "drift_is_left": 6,
    "a_refusal_tears_the_door_down": 2,
    "one_poisoned_service_stops_all": 455,
    "what_lands_last_is_not_looked_at": 30,
    "an_overlap_of_nothing_never_ends": 279,
    "a_door_turns_before_what_it_leads_to_stands": 27,
    "paths_are_claimed_that_cannot_be_opened": 10,
    "what_is_verified_has_to_wait": 868,
    "a_namesakes_successor_waits_for_ever": "a-namesakes-last-request-is-under-way",
    "nobody_waits_for_acceptance": 757,
    "what_loses_a_host_goes_whole": 281,
    "former_names_inside_leave_at_once": 25,
    "what_somebody_added_is_adopted_by_the_next_write": 240,
    "whoever_bears_the_annotation_holds": 19,
    "a_host_whose_third_label_is_svc_claims_nothing": 269,
    "names_inside_the_cluster_are_hosts": 71,
    "an_object_counts_wherever_it_is": 34,
    "squatters_are_waited_for": 19,
    "a_label_that_goes_looks_like_a_deletion": "a-label-is-taken-off",
    "what_comes_after_its_label_went_is_overlooked": "a-label-goes-while-its-door-is-being-opened",
}
"""A seed that notices, or a scenario (of ``scenarios/``) where none of the first does: it is tried first."""


def planted(plant: Plant) -> Plant:
    PLANTED[plant.__name__] = plant
    return plant


def wrap(patch: pytest.MonkeyPatch, where: Any, name: str, around: Callable[..., Any]) -> None:
    """Put ``around(original, *arguments)`` in the place of a function or method."""
    original = getattr(where, name)
    patch.setattr(where, name, lambda *a, **k: around(original, *a, **k))


@planted
def the_old_goes_before_the_new_stands(patch: pytest.MonkeyPatch) -> None:
    def drain(do: Any, s: Any, desired: Any, going: Any, drains: Any, plan: Plan, **_: Any) -> None:
        do(s, desired, going, msgspec.structs.replace(drains, seconds=-1.0), plan, accepted=True)

    wrap(patch, opening, "drain", drain)


@planted
def nobody_asks_whose_an_object_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fact, "is_of", lambda *_: True)


@planted
def a_410_is_ignored(patch: pytest.MonkeyPatch) -> None:
    def poll(do: Any, replica: Replica, watch: Watch) -> None:
        store = replica.world.store
        try:
            store.events_since(replica.world.resources[watch.kind], watch.scope, str(watch.since))
        except ApiError as error:
            if error.status == 410:
                watch.since = int(store.resource_version)
        do(replica, watch)

    wrap(patch, Replica, "_poll", poll)


@planted
def a_requeue_is_lost(patch: pytest.MonkeyPatch) -> None:
    def take(do: Any, timers: Timers, now: float) -> list[Ref]:
        do(timers, now)
        return []

    wrap(patch, Timers, "take", take)


@planted
def status_is_written_without_a_precondition(patch: pytest.MonkeyPatch) -> None:
    def write_status(do: Any, s: Situation, plan: Plan, *more: Any) -> None:
        do(s, plan, *more)
        for at, write in enumerate(plan.writes):
            if write.verb == "status":
                body = {k: v for k, v in (write.body or {}).items() if k != "metadata"}
                plan.writes[at] = msgspec.structs.replace(write, body=body)

    wrap(patch, case, "write_status", write_status)


@planted
def a_claim_is_not_released(patch: pytest.MonkeyPatch) -> None:
    def reserve(do: Any, reservations: Reservations, ref: Any, new: Any) -> Any:
        return do(reservations, ref, new) if new else set()

    wrap(patch, Reservations, "reserve", reserve)


@planted
def nobody_holds_a_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Backends, "claims", lambda *_: ())


@planted
def a_stale_view_is_trusted(patch: pytest.MonkeyPatch) -> None:
    def observe(do: Any, facts: Facts, kind: str, obj: Any, *more: Any) -> Any:
        metadata = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
        version = int(obj["metadata"].get("resourceVersion") or 0)
        known = next((f for f in facts.of_kind(kind) if f.ref.name == metadata["name"]), None)
        newest = max(version, known.version if known else 0)
        return do(facts, kind, {**obj, "metadata": {**metadata, "resourceVersion": str(newest)}}, *more)

    wrap(patch, Facts, "observe", observe)


@planted
def a_time_out_is_taken_for_failure(patch: pytest.MonkeyPatch) -> None:
    def unknown(state: State, event: Unknown) -> Any:
        return folds.refused(state, Refused(at=event.at, action=event.action, status=500))

    patch.setitem(folds.FOLDS, Unknown, unknown)


@planted
def a_time_out_is_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    def unknown(state: State, event: Unknown) -> Any:
        return folds.applied(state, Applied(at=event.at, action=event.action))

    patch.setitem(folds.FOLDS, Unknown, unknown)


@planted
def a_list_sweeps_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Facts, "sweep", lambda *_: [])


@planted
def a_list_sweeps_what_is_newer(patch: pytest.MonkeyPatch) -> None:
    wrap(patch, Facts, "sweep", lambda do, facts, kind, scope, _, keys: do(facts, kind, scope, 0, keys))


@planted
def a_404_forgets_the_successor(patch: pytest.MonkeyPatch) -> None:
    def gone(do: Any, state: State, before: Any, action: Any) -> Any:
        return do(state, before, msgspec.structs.replace(action, uid=before.uid if before else ""))

    wrap(patch, State, "gone", gone)


@planted
def closing_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing.Closing, "refs", lambda *_: frozenset())


@planted
def closing_waits_for_requests_under_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(folds, "_nothing_new", lambda state, action, _: state.in_flight.any_for(action.service))


@planted
def what_is_remembered_is_not_journalled(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(folds.FOLDS, Remembered, lambda state, event: [state.record(event, 0)])


@planted
def a_restart_forgets_what_was_in_flight(patch: pytest.MonkeyPatch) -> None:
    """And what it reserved stays: a restart lets go of that by itself, and then forgetting does no harm."""

    def reserve_what_stands(state: State, cause: int) -> None:
        for fact in [fact for kind in state.backends.claiming for fact in state.facts.of_kind(kind)]:
            state.reserve(fact.ref, cause)

    def unknown_outcome(state: State, action: Action) -> None:
        state.reserve(action.ref, state.number)
        state.in_flight.land(action.id)

    patch.setattr(State, "unknown_outcome", unknown_outcome)
    patch.setattr(folds, "reserve_all", reserve_what_stands)


@planted
def who_takes_over_believes_what_it_remembers(patch: pytest.MonkeyPatch) -> None:
    def leading(do: Any, state: State, event: Leading) -> Any:
        state.led = state.led[0], event.term - 1
        return do(state, event)

    whole = folds.leading
    patch.setitem(folds.FOLDS, Leading, lambda state, event: leading(whole, state, event))


@planted
def a_folded_list_sweeps_everything(patch: pytest.MonkeyPatch) -> None:
    def record(do: Any, state: State, event: Any, cause: int) -> Any:
        bare = msgspec.structs.replace(event, keys=frozenset()) if isinstance(event, Synced) else event
        return do(state, bare, cause)

    wrap(patch, State, "record", record)


@planted
def a_clock_that_jumps_is_believed(patch: pytest.MonkeyPatch) -> None:
    def advance(state: State, at: float) -> None:
        state.now = state.clock = at

    patch.setattr(State, "advance", advance)


@planted
def causes_are_lost(patch: pytest.MonkeyPatch) -> None:
    wrap(patch, Engine, "_issue", lambda do, engine, service, _, *rest: do(engine, service, 0, *rest))


@planted
def bad_settings_become_defaults(patch: pytest.MonkeyPatch) -> None:
    def parsed(do: Any, data: Any) -> Any:
        found = do(data)
        return found if found.settings is not None else msgspec.structs.replace(found, settings=do({}).settings)

    wrap(patch, folds, "parse_settings", parsed)
    wrap(patch, effective_settings, "parse", parsed)


@planted
def drift_is_left(patch: pytest.MonkeyPatch) -> None:
    for where in (diff, held):
        patch.setattr(where, "backs_off", lambda *_: True)


@planted
def status_is_written_every_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(status, "_said", lambda _: (object(), "", ""))


@planted
def what_lands_last_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    def nothing_new(state: State, action: Any, _: Any) -> bool:
        return state.in_flight.any_for(action.service) or action.verb == "status"

    patch.setattr(folds, "_nothing_new", nothing_new)


@planted
def a_door_turns_before_what_it_leads_to_stands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(diff, "stages", lambda _, desired: [list(desired.values())])


@planted
def paths_are_claimed_that_cannot_be_opened(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rendered, "opens_path", lambda *_: True)


@planted
def one_poisoned_service_stops_all(patch: pytest.MonkeyPatch) -> None:
    def reconcile(do: Any, engine: Engine, *arguments: Any) -> list[Record]:
        records: list[Record] = do(engine, *arguments)
        if any(isinstance(record.event, Failed) for record in records):
            engine._state.queue.clear()
        return records

    wrap(patch, Engine, "_reconcile_one", reconcile)


@planted
def a_refusal_tears_the_door_down(patch: pytest.MonkeyPatch) -> None:
    def hold(_: Any, s: Situation, *__: Any) -> Plan:
        plan = Plan(memory=s.memory)
        nothing = draining.Draining(keys=frozenset(), final="", seconds=0.0)
        draining.drain(s, (), (), nothing, plan, accepted=True)
        return plan

    wrap(patch, holding, "hold", hold)


@planted
def an_overlap_of_nothing_never_ends(patch: pytest.MonkeyPatch) -> None:
    def drain(do: Any, s: Any, desired: Any, going: Any, drains: Any, plan: Plan, **more: Any) -> None:
        do(s, desired, going, drains, plan, **more)
        if plan.wake == s.now:
            plan.wake = None

    wrap(patch, opening, "drain", drain)


@planted
def what_is_verified_has_to_wait(patch: pytest.MonkeyPatch) -> None:
    def nothing_new(do: Any, state: State, action: Any, before: Any) -> bool:
        return do(state, msgspec.structs.replace(action, verb="patch") if action.verb == "verify" else action, before)

    wrap(patch, folds, "_nothing_new", nothing_new)


@planted
def a_namesakes_successor_waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "add_waiting", lambda state, action, cause: state.add(action.service, cause))


@planted
def nobody_waits_for_acceptance(patch: pytest.MonkeyPatch) -> None:
    for where in (opening, foreseen):
        patch.setattr(where, "standing_of", lambda *_: Standing())


@planted
def what_loses_a_host_goes_whole(patch: pytest.MonkeyPatch) -> None:
    wrap(patch, Backends, "narrow", lambda do, *these: do(*these[:-1], ()))


@planted
def former_names_inside_leave_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(draining, "draining_inside", lambda *_: frozenset())


@planted
def whoever_bears_the_annotation_holds(patch: pytest.MonkeyPatch) -> None:
    def standing(do: Any, ref: Ref, fact: Fact, claims: Any, *more: Any) -> dict[str, Reservation]:
        if not fact.owner:
            return dict(do(ref, fact, claims, *more))
        return {claim.key: Reservation(ref, fact.owner, "", claim.via) for claim in claims}

    wrap(patch, reserved, "_of_standing", standing)


@planted
def squatters_are_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reserved, "is_garbage", lambda *_: True)


@planted
def what_somebody_added_is_adopted_by_the_next_write(patch: pytest.MonkeyPatch) -> None:
    def now_reserved(do: Any, backends: Any, ref: Ref, fact: Any, in_flight: Any, *more: Any) -> Any:
        holds, added = do(backends, ref, fact, in_flight, *more)
        service = in_flight.service if in_flight else ""
        return {key: msgspec.structs.replace(h, owner=h.owner or service) for key, h in holds.items()}, added

    wrap(patch, states, "reserved", now_reserved)


@planted
def an_object_counts_wherever_it_is(patch: pytest.MonkeyPatch) -> None:
    def owned_by(_: Any, facts: Facts, uid: str, namespace: str) -> list[Fact]:
        return [fact for fact in facts.all() if fact.owner == uid and fact.ref.kind != "InferenceService.ome.io"]

    wrap(patch, Facts, "owned_by", owned_by)


@planted
def a_label_that_goes_looks_like_a_deletion(patch: pytest.MonkeyPatch) -> None:
    def selected(do: Any, *arguments: Any, **more: Any) -> Any:
        found = do(*arguments, **more)
        return None if found and found["spec"].get("left") else found

    wrap(patch, states, "selected", selected)


@planted
def what_comes_after_its_label_went_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "_look_at_owners", lambda *_: None)


@planted
def names_inside_the_cluster_are_hosts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(addresses, "_problem", lambda host, **_: None if "." in host else "is empty")


@planted
def a_host_whose_third_label_is_svc_claims_nothing(patch: pytest.MonkeyPatch) -> None:
    def claims(do: Any, backends: Backends, kind: str, manifest: Any) -> Any:
        return [claim for claim in do(backends, kind, manifest) if claim.host.split(".")[2:3] != ["svc"]]

    wrap(patch, Backends, "claims", claims)
