"""What is being done: every action, from when it is handed out until its outcome is received."""

from __future__ import annotations

from doorward.model.action import Action
from doorward.model.reference import Ref


class InFlight:
    """Actions by number, by the object that they write, and by the service that they are for."""

    def __init__(self) -> None:
        self._actions: dict[int, Action] = {}
        self._newest: dict[Ref, int] = {}
        self._counts: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._actions)

    def __contains__(self, ref: Ref) -> bool:
        """Whether something is being done to this object."""
        return ref in self._newest

    def all(self) -> list[Action]:
        return list(self._actions.values())

    def on(self, ref: Ref) -> Action | None:
        """The newest action on this object."""
        return self._actions.get(self._newest.get(ref, 0))

    def any_for(self, uid: str) -> bool:
        """Whether something is being done for the service with this UID."""
        return uid in self._counts

    def of(self, uid: str) -> list[Action]:
        """What is being done for the service with this UID."""
        if uid not in self._counts:
            return []
        return [action for action in self._actions.values() if action.service == uid]

    def begin(self, action: Action) -> None:
        self._actions[action.id] = action
        self._newest[action.ref] = action.id
        self._counts[action.service] = self._counts.get(action.service, 0) + 1

    def land(self, number: int) -> Action | None:
        """The action with this number, which is done; None where it isn't in flight."""
        action = self._actions.pop(number, None)
        if action is None:
            return None
        left = self._counts.pop(action.service) - 1
        if left:
            self._counts[action.service] = left
        if self._newest.get(action.ref) == number:
            del self._newest[action.ref]
        if not self._actions:
            # What is empty still holds the room that it once took.
            self._actions, self._newest, self._counts = {}, {}, {}
        return action
