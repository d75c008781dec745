"""What Secrets hold, in a form that is of no use to whoever reads this process's memory dump for keys.

Of an API key only a digest is kept: SHA-256 under a secret of this process's own, so that neither a table made in
advance nor the time of a look-up tells anything about a key.  Of a password there is the bcrypt hash that the Secret
holds.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_bytes

from doorward.model.credentials import KINDS, clients
from doorward.model.door import GuardKind
from doorward.model.reference import JsonObject, Ref

__all__ = ["KeyRing", "KeyRings"]

_OWN = token_bytes(32)


def digest(*parts: str) -> bytes:
    """SHA-256 of the parts under this process's secret; no two lists of parts have the same."""
    whole = hmac.new(_OWN, digestmod=sha256)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.digest()


class KeyRing:
    """The clients of one Secret, for one kind of guard."""

    def __init__(self, kind: GuardKind, secret: JsonObject) -> None:
        found = clients(kind, secret)
        self.hashes: Mapping[str, str] = found if kind == "basic" else {}
        """User -> bcrypt hash."""
        keys = reversed(found.items()) if kind == "api-key" else ()
        self._keys = {(kept := digest(key)): (kept, client) for client, key in keys}

    def client(self, key: str) -> str:
        """Whose key it is; empty where it is nobody's."""
        shown = digest(key)
        kept, client = self._keys.get(shown, (b"", ""))
        return client if hmac.compare_digest(kept, shown) else ""


class KeyRings:
    """Every Secret that guards go by, as :class:`doorward.runtime.secrets.Secrets` hands them over."""

    def __init__(self) -> None:
        self._rings: dict[Ref, dict[GuardKind, KeyRing] | None] = {}

    def take(self, ref: Ref, secret: JsonObject | None) -> None:
        """A Secret is this now; None: nobody comes in by it."""
        self._rings[ref] = None if secret is None else {kind: KeyRing(kind, secret) for kind in KINDS}

    def knows(self, ref: Ref) -> bool:
        """Whether a Secret was looked at."""
        return ref in self._rings

    def get(self, ref: Ref, kind: GuardKind) -> KeyRing | None:
        rings = self._rings.get(ref)
        return rings[kind] if rings else None
