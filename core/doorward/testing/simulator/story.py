"""A scenario as a story that people can follow."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from doorward.model.counting import counted
from doorward.testing.simulator import scenario as s
from doorward.testing.simulator.replica import watched
from doorward.testing.simulator.world import kinds

_FAULTS = {
    "409": "is refused as a conflict",
    "429": "is refused for a second: too many requests",
    "500": "is answered with an internal error",
    "403": "is forbidden",
    "lost before": "never reaches the API server, and nobody tells",
    "lost after": "takes effect, and nobody tells",
    "late": "is given up, and may still land",
}
_MEDDLING = {
    "edit": "edits",
    "strip": "takes the labels off",
    "delete": "deletes",
    "status": "overwrites status.url of",
    "condition": "overwrites the condition of",
}


def tell(scenario: s.Scenario) -> Iterator[str]:
    """One line per step; steps of the same sort are told together."""
    number = 0
    steps = list(scenario.steps)
    while number < len(steps):
        step = steps[number]
        count = 1
        while isinstance(step, s.Act | s.Answer) and number + count < len(steps) and steps[number + count] == step:
            count += 1
        line = _told(step, scenario.labelled)
        yield f"{number + 1:4}. {line}" + (f" ({count} times)" if count > 1 else "")
        number += count
    end = "Then faults stop"
    yield (
        f"      {end}, every component becomes ready, and bad settings are corrected."
        if scenario.calm
        else f"      {end}."
    )


def _told(step: s.AnyStep, labelled: Collection[int] = ()) -> str:
    replica = getattr(step, "replica", None)
    text = _world(step, labelled) if replica is None else _engine(step)
    return f"[process {replica}] {text}" if replica else text


def _world(step: s.AnyStep, labelled: Collection[int]) -> str:
    match step:
        case s.Make() if step.service in labelled:
            return f"A user creates Service {_name(step.service)}-engine, which asks for a door"
        case s.Edit(key=key) if key.startswith("!") and key != "!visibility" and step.service in labelled:
            how = "puts the label on" if step.value else "takes the label off"
            return f"A user {how} Service {_name(step.service)}-engine"
        case s.Make():
            notes = "".join(f", {key}: {value!r}" for key, value in step.annotations.items())
            ready = "" if step.ready else ", not ready"
            return f"A user creates {_name(step.service)} with {', '.join(step.components)}{notes}{ready}"
        case s.Edit(key=key) if key == "!visibility":
            return f"A user makes {_name(step.service)} " + ("cluster-local" if step.value else "visible again")
        case s.Edit(key=key) if key.startswith("!"):
            return f"A user {'adds' if step.value else 'removes'} the {key[1:]} of {_name(step.service)}"
        case s.Edit():
            what = f"sets {step.key}: {step.value!r} on" if step.value is not None else f"takes {step.key} off"
            return f"A user {what} {_name(step.service)}"
        case s.Ready():
            return f"The {step.component} of {_name(step.service)} becomes ready: {step.status}"
        case s.Remove():
            return f"A user deletes {_name(step.service)}"
        case s.Configure(data=None):
            return "Somebody deletes the ConfigMap"
        case s.Configure():
            return f"The settings become {json.dumps(step.data)}"
        case s.Meddle():
            what = "one of the services" if step.how in ("status", "condition") else "one of our objects"
            return f"Somebody {_MEDDLING[step.how]} {what} (number {step.which})"
        case s.Occupy():
            what = "deletes their own" if step.gone else "creates their own"
            return f"Somebody {what} {step.kind} named as {_name(step.service)}"
        case s.Forge():
            how = {
                "owner": "forges an object of its service",
                "edit": "edits an object of its service",
                "squat": "makes an object of a service that nobody has",
                "abroad": "makes an object that bears the UID of the victim",
            }[step.how]
            return f"The tenant of {_name(step.service)} {how}, with the host of {_name(step.victim)}"
        case s.Accept():
            return "Gateways, load balancers and the operator catch up"
        case s.Collect():
            return "The garbage collector catches up"
        case s.Forget():
            return "The API server forgets its history (410)"
        case s.Forbid():
            kind = kinds()[step.kind % len(kinds())]
            return f"{kind} may {'be listed again' if step.allowed else 'not be listed any more'}"
        case s.Withdraw():
            return f"The CRD of {step.kind} is {'installed' if step.installed else 'deleted'}"
        case s.Rival():
            return "A second process begins to stand by, or takes the Lease over from the first"
        case s.Land():
            return "A request that was given up lands after all"
    return type(step).__name__


def _engine(step: s.AnyStep) -> str:
    match step:
        case s.Deliver():
            return "An event arrives" + (" twice" if step.twice else "") + f" (of kind {step.which} of those with any)"
        case s.Act():
            return "The engine's actions are on their way"
        case s.Perform():
            return f"Action {step.which} on its way " + _FAULTS.get(step.fault, "reaches the API server")
        case s.Answer():
            return f"Outcome {step.which} is told to the engine"
        case s.Settle():
            return "Everything is delivered, performed and answered"
        case s.Pass():
            return f"{step.seconds:g} {'second goes' if step.seconds == 1 else 'seconds go'} by"
        case s.Commit():
            return "The journal reaches the disk"
        case s.Crash():
            kept = {"all": "all of it", "disk": "what reached the disk", "snapshot": "a snapshot", "none": "nothing"}
            return f"The process dies; another begins, and of the journal finds {kept[step.journal]}"
        case s.Stop():
            return f"The watch of {watched()[step.kind % len(watched())]} falls silent"
        case s.Resume():
            how = (
                f" from a list that is {counted(step.stale, 'write')} old"
                if step.stale
                else " from a list"
                if step.listed
                else ""
            )
            return f"The watch of {watched()[step.kind % len(watched())]} goes on{how}"
        case s.Jump():
            return f"The clock jumps by {step.seconds:g} seconds"
    return type(step).__name__


def _name(service: int) -> str:
    return "/".join(s.place(service))
