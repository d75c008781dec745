"""Questions as proxies ask them, and doors that are known by heart."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import bcrypt
from doorward.model.door import Guard, GuardKind
from doorward.model.reference import SECRET, JsonObject, Ref
from doorward_daemon.authz.decision import Answer, Passage, Trial, decide
from doorward_daemon.authz.keys import KeyRings
from doorward_daemon.authz.question import Question, read


def secret(**data: str) -> JsonObject:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": "keys", "namespace": "a"}, "type": "Opaque", "data": encoded}


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def question(target: str, **headers: str | list[str]) -> Question:
    """What is read of a check; headers by their names with underscores."""
    known = {name.replace("_", "-"): [v] if isinstance(v, str) else v for name, v in headers.items()}
    found = read(target, lambda name: known.get(name, ()))
    assert found is not None, target
    return found


class Known:
    """Doors by name and by host."""

    def __init__(self) -> None:
        self.ready = True
        self.exempt: Sequence[str] = ()
        self.doors: dict[tuple[str, str], Guard | None] = {}
        self.hosts: dict[str, dict[str, list[tuple[str, str]]]] = {}
        self.rings = KeyRings()

    def door(
        self, namespace: str, name: str, kind: GuardKind | None, *where: str, keys: JsonObject | None = None
    ) -> None:
        """A door with its Secret, at these places (``host/prefix``)."""
        key = (namespace, name)
        self.doors[key] = Guard(kind=kind, secret=f"{name}-keys") if kind else None
        if keys is not None:
            self.rings.take(Ref(SECRET, namespace, f"{name}-keys"), keys)
        for each in where:
            host, _, prefix = each.partition("/")
            self.hosts.setdefault(host, {}).setdefault(f"/{prefix}", []).append(key)

    def named(self, namespace: str, name: str) -> Passage | None:
        key = (namespace, name)
        return Passage(key, self.doors[key]) if key in self.doors else None

    def at(self, host: str, path: str) -> Sequence[Passage] | None:
        prefixes = self.hosts.get(host, {})
        below = [p for p in prefixes if p == "/" or path == p or path.startswith(p + "/")]
        if not below:
            return ()
        nearest = max(below, key=len)
        behind = path if nearest == "/" else path.removeprefix(nearest) or "/"
        return [Passage(key, self.doors[key], behind) for key in prefixes[nearest]]

    def is_shared(self, host: str) -> bool:
        return any(prefix != "/" for prefix in self.hosts.get(host, ()))

    def decide(self, asked: Question, **tried: bool) -> Answer | Trial:
        """``tried``: user -> whether the password is right; others weren't tried."""
        return decide(asked, self, self.rings, lambda trial: tried.get(trial.user))

    def status(self, target: str, **headers: str | list[str]) -> int:
        answer = self.decide(question(target, **headers))
        assert isinstance(answer, Answer)
        return answer.status

    def client(self, target: str, **headers: str | list[str]) -> str:
        answer = self.decide(question(target, **headers))
        assert isinstance(answer, Answer)
        assert answer.status == 200
        return answer.client
