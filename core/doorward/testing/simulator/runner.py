"""Playing a scenario: step by step, with every invariant checked, until faults stop and all has come to rest."""

from __future__ import annotations

from collections import Counter

from doorward.model.action import Action
from doorward.model.event import Applied
from doorward.model.reference import CONFIG_MAP
from doorward.settings.configuration import parse
from doorward.testing.simulator import expectations
from doorward.testing.simulator import scenario as s
from doorward.testing.simulator.invariants import Invariants, Violation
from doorward.testing.simulator.replica import Replica
from doorward.testing.simulator.world import DOORS, SETTINGS, World

LONGEST = 3 * 3600.0
"""Seconds within which all has to come to rest."""
HOUR = 3600.0


class Run:
    """One scenario being played."""

    def __init__(self, scenario: s.Scenario, world: World | None = None) -> None:
        self.scenario = scenario
        self.world = world or World(twins=scenario.twins, labelled=scenario.labelled, budget=scenario.budget)
        self.invariants = Invariants(self.world)
        self.replicas = [Replica(self.world, [])]
        self.late: list[Action] = []
        self.faults: Counter[str] = Counter()
        self.writes = 0
        self.step = 0
        """The number of the step that is being played."""

    def play(self) -> None:
        """Raises Violation where an invariant doesn't hold, and whatever the engine raises."""
        for step in self.scenario.steps:
            self._play(step)
            self.step += 1
        self._calm()
        self._rest("doesn't come to rest", bound=60 + 40 * len(self.world.services()))
        expectations.check(self.world, self.replicas[0], self.invariants)
        self._stays()

    # -- the steps

    def _play(self, step: s.AnyStep) -> None:
        world = self.world
        match step:
            case s.Make():
                world.make(step)
            case s.Edit():
                world.edit(step)
            case s.Ready():
                world.ready(step)
            case s.Remove():
                world.remove(step)
            case s.Configure():
                world.configure(None if step.data is None else dict(step.data))
            case s.Meddle():
                self.faults[f"somebody meddles: {step.how}"] += 1
                world.meddle(step)
                self.invariants.changed()
            case s.Occupy():
                self.faults["somebody takes a name"] += 1
                world.occupy(step)
            case s.Forge():
                self.faults[f"a tenant forges: {step.how}"] += world.forge(step)
                self.invariants.unproven()
            case s.Accept():
                self._accept()
            case s.Collect():
                world.collect()
                self.invariants.changed()
            case s.Land():
                if self.late:
                    self._land(self.late.pop(step.which % len(self.late)))
            case s.Forget():
                self.faults["410"] += 1
                world.store.compact()
            case s.Forbid():
                kinds = tuple(world.resources)
                kind = world.backends.watched_as(kinds[step.kind % len(kinds)])
                self.faults["forbidden"] += not step.allowed
                (world.forbidden.discard if step.allowed else world.forbidden.add)(kind)
            case s.Withdraw():
                self.faults["kind withdrawn"] += not step.installed
                world.withdraw(step.kind, step.installed)
            case s.Rival():
                if len(self.replicas) == 1:
                    self.replicas.append(Replica(world, [], stands_by=True))
                else:
                    self._pass_the_lease(step.shared)
            case _:
                self._engine_step(step)

    def _engine_step(self, step: s.AnyStep) -> None:
        number = getattr(step, "replica", 0) % len(self.replicas)
        replica = self.replicas[number]
        match step:
            case s.Deliver():
                self.faults["event doubled"] += step.twice
                replica.deliver(step.which, twice=step.twice)
            case s.Act():
                self._act(replica)
            case s.Perform():
                self._perform(replica, step.which, step.fault)
            case s.Answer():
                replica.answer(step.which)
            case s.Settle():
                self._settle(replica)
            case s.Pass():
                self.world.clock.now += step.seconds
                replica.wake()
            case s.Commit():
                if replica.offer and number == 0 and not (replica.issued or replica.answers):
                    replica.take_over()
                replica.on_disk = len(replica.records)
            case s.Crash():
                self._crash(number, step)
            case s.Stop():
                self.faults["watch stopped"] += 1
                replica.watches[step.kind % len(replica.watches)].stopped = True
            case s.Resume():
                watch = replica.watches[step.kind % len(replica.watches)]
                watch.stopped = False
                if step.listed:
                    self.faults["listed anew"] += 1
                    if step.stale:
                        self.faults["stale list"] += 1
                        self.invariants.uncertain = True
                    replica.relist(watch, step.stale)
            case s.Jump():
                self.faults["clock jumped"] += 1
                self.invariants.jumped = True
                replica.skew += step.seconds
                replica.wake()

    def _crash(self, number: int, step: s.Crash) -> None:
        replica = self.replicas[number]
        self.faults[f"crash, journal: {step.journal}"] += 1
        folded = self.invariants.same_as_fold(replica) if number == 0 else None
        records = replica.records
        if step.journal == "disk":
            records = records[: replica.on_disk]
            self.invariants.uncertain |= bool(replica.issued or replica.answers) or replica.on_disk < len(
                replica.records
            )
        elif step.journal == "snapshot":
            records = replica.engine.snapshot()
        elif step.journal == "none":
            self.invariants.uncertain |= bool(replica.issued)
            self.invariants.forgetful = True
            self.invariants.unproven()
            records = []
        # Requests that are on their way arrive or don't; nobody hears of it.
        self.late += replica.issued
        self.replicas[number] = Replica(
            self.world,
            records,
            replica.skew,
            folded=folded if records is replica.records else None,
            stands_by=replica.engine.stands_by,
        )

    def _pass_the_lease(self, shared: str) -> None:
        """Who led is deposed, and ends; what it sent may land, and nobody hears of it."""
        before, leader = self.replicas
        self.faults["the lease passes"] += 1
        self.faults["the lease passes with the journal"] += bool(shared)
        self.late += before.issued
        if shared == "disk":
            self.invariants.uncertain |= bool(before.issued or before.answers) or before.on_disk < len(before.records)
        elif shared != "all":
            self.invariants.uncertain |= bool(before.issued)
            self.invariants.forgetful = True
            self.invariants.unproven()
        for watch in leader.watches:
            watch.stopped = False
        leader.deliver_all()  # who takes over waits until its watches have told what stands
        if shared:
            leader.offer = before.records[: None if shared == "all" else before.on_disk], before.since
            if shared != "late":
                leader.take_over()
        leader.lead(self.world.terms)
        self.world.terms += 1
        self.replicas = [leader, Replica(self.world, [], stands_by=True)]

    # -- actions

    def _act(self, replica: Replica) -> bool:
        actions = replica.act()
        self.invariants.acted(replica, actions)
        return bool(actions)

    def _perform(self, replica: Replica, which: int, fault: s.Fault) -> bool:
        if not replica.issued:
            return False
        action = replica.issued[which % len(replica.issued)]
        if fault:
            self.faults[fault] += 1
        if fault == "late":
            self.invariants.uncertain = True
            self.late.append(action)
        before = self.world.entry(*action.ref)
        around = self.world.of(action.service) if action.service and action.ref.kind in DOORS else []
        done = replica.perform(which, fault)
        assert done is not None
        if action.verb != "verify":
            self.writes += 1
        hidden = fault == "lost after"
        outcome = Applied(at=0.0, action=action.id) if hidden and self._took_effect(action, before) else done[1]
        self.invariants.wrote(replica, action, before, around, outcome)
        return True

    def _took_effect(self, action: Action, before: object) -> bool:
        return self.world.entry(*action.ref) is not before

    def _land(self, action: Action) -> None:
        if action.verb != "verify":
            outcome = Replica.carry_out(self.world, action)
            if isinstance(outcome, Applied):
                self.invariants.landed(action.service)

    def _settle(self, replica: Replica, limit: int = 400) -> bool:
        """Turn until nothing happens any more without time going by."""
        for turn in range(limit):
            busy = replica.deliver_all()
            busy |= self._act(replica)
            while self._perform(replica, 0, ""):
                busy = True
            while replica.answer(0):
                busy = True
            if not busy and replica.engine.wait() == 0.0:
                replica.wake()
                busy = True
            if not busy:
                return turn > 0
        raise Violation("convergence", "the engine doesn't come to rest while time stands still")

    def _accept(self) -> None:
        self.world.accept()
        self.invariants.changed()

    # -- the end

    def _calm(self) -> None:
        """Faults stop."""
        world = self.world
        world.forbidden.clear()
        for kind in ("VirtualService", "HTTPRoute"):
            world.withdraw(kind, installed=True)
        for replica in self.replicas:
            self.late += replica.issued if replica is not self.replicas[0] else []
        for action in self.late:
            self._land(action)
        self.late.clear()
        del self.replicas[1:]
        for watch in self.replicas[0].watches:
            watch.stopped = False
        if self.scenario.calm:
            standing = world.entry(CONFIG_MAP, *SETTINGS)
            if standing is None or parse(standing.get("data") or {}).problems:
                world.configure({})
            for number in range(len(s.NAMESPACES) * len(s.NAMES)):
                service = world.service(number)
                for component in (service or {}).get("spec", ()):
                    if component != "left":
                        world.ready(s.Ready(number, component, "True"))

    def _rest(self, what: str, bound: int) -> None:
        replica, clock = self.replicas[0], self.world.clock
        end, most = clock.now + LONGEST, self.writes + bound
        while True:
            version = self.world.store.resource_version
            self._settle(replica)
            self._accept()
            self.world.collect()
            if self.writes > most:
                raise Violation("convergence", f"more than {bound} writes after faults stopped")
            if self.world.store.resource_version != version:
                continue
            wait = replica.engine.wait()
            if wait is None:
                return
            if clock.now + wait > end:
                raise Violation("convergence", what)
            clock.now += wait
            replica.wake()

    def _stays(self) -> None:
        """No change is no write: an hour later, after new lists, and after restarts with a journal and without."""
        replica = self.replicas[0]
        writes = self.writes
        for watch in replica.watches:
            replica.relist(watch)
        self._quiet(replica, "after a resync")
        self.world.clock.now += HOUR
        replica.wake()
        self._quiet(replica, "an hour later")
        assert self.writes == writes
        folded = self.invariants.same_as_fold(replica)
        # What a tenant forged while we watched may count as having stood before, and be named as such.
        after = Replica(self.world, replica.records, replica.skew, folded=folded)
        self._quiet(after, "after a restart", forgetful=bool(self.world.hostile))
        if not replica.engine.problems and self.world.entry(CONFIG_MAP, *SETTINGS) is not None:
            self._quiet(Replica(self.world, [], replica.skew), "after a restart without a journal", forgetful=True)

    def _quiet(self, replica: Replica, when: str, *, forgetful: bool = False) -> None:
        for _ in range(20 + replica.engine.undecided):
            replica.deliver_all()
            actions = [a for a in replica.act() if self._changes_something(a, forgetful)]
            if actions:
                told = "; ".join(f"{a.verb} {a.ref} ({a.reason})" for a in actions[:4])
                raise Violation("stability", f"{when}: {told}")
            wait = replica.engine.wait()
            if wait is None:
                return
            self.world.clock.now += wait
            replica.wake()
        raise Violation("stability", f"{when}: the engine keeps being woken")

    def _changes_something(self, action: Action, forgetful: bool) -> bool:
        if action.verb == "event":
            return self.world.entry(*action.ref) is None  # told again, it is there already
        if action.verb == "status" and forgetful:
            # What is held has another message where nobody remembers an object that somebody deleted; nor does anybody
            # remember what was left to somebody else.
            service = self.world.services().get(action.service)
            if service and expectations.is_yielded(service):
                return False
            told = expectations.condition(service) if service else {}
            return action.reason != f"status: {told.get('status')} {told.get('reason', '')}".strip()
        return True


def play(scenario: s.Scenario) -> Run:
    """Play a scenario to its end.  Raises what :meth:`Run.play` does."""
    run = Run(scenario)
    run.play()
    return run
