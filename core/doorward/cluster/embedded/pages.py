"""Continue tokens: where the next page of a list begins, and which moment it shows."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from doorward.cluster.embedded.errors import bad_request


def write_token(version: int, last: str) -> str:
    """The token of a list as of ``version`` whose latest item is ``last`` (``NAMESPACE/NAME``)."""
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": last}
    return urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def read_token(token: str) -> tuple[int, str]:
    """The same two.  Raises ApiError 400 for a token that nobody gave out."""
    try:
        content = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(content["rv"]), str(content["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None
