"""Where a journal is: a file, or a PostgreSQL database; and how a place is named without its password.

libpq quotes what it doesn't understand, so that a password with a character that should be percent-encoded would end up
in an error as a part of the host's name.  What isn't plainly a URL is refused here, and not quoted.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from doorward.journal.errors import JournalError

__all__ = ["is_database", "location", "passwords", "shown"]

_SCHEMES = ("postgresql://", "postgres://")
_PLAIN = r"[A-Za-z0-9\-._~!$'()*+,;=%]"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|{_PLAIN}*)(?::[0-9]+)?"
_URL = re.compile(
    rf"(?P<scheme>postgres(?:ql)?)://"
    rf"(?:(?P<user>{_PLAIN}*)(?::(?P<password>(?:{_PLAIN}|[&:])*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    rf"(?:/(?P<database>{_PLAIN}*))?"
    rf"(?:\?(?P<parameters>[a-z_]+=[^&#=]*(?:&[a-z_]+=[^&#=]*)*))?"
)
"""RFC 3986, in the form that libpq takes (PostgreSQL's documentation, "Connection URIs")."""


def is_database(where: str | Path) -> bool:
    """Whether this is a database's URL, rather than a file's name."""
    return isinstance(where, str) and where.startswith(_SCHEMES)


def location(where: str | Path) -> str | Path:
    """A database's URL as it is, a file's name as a path.  Raises JournalError for what is neither."""
    if isinstance(where, Path):
        return where
    if is_database(where):
        _parsed(where)
        return where
    if "://" in where:
        raise JournalError(f"a journal is a file or a postgresql:// URL, not {where.partition('://')[0]}://")
    return Path(where)


def shown(where: str | Path) -> str:
    """The name of a place for people: a URL's user, hosts and database, and nothing that could be secret."""
    if not is_database(where):
        return str(where)
    found = _parsed(str(where))
    user = f"{found['user']}@" if found["user"] else ""
    return f"postgresql://{user}{found['hosts']}/{found['database'] or ''}"


def passwords(url: str) -> list[str]:
    """The passwords that a URL carries, as they are written there and as they are meant."""
    found = _parsed(url)
    given = [found["password"] or ""]
    given += [value for key, value in _pairs(found["parameters"] or "") if "password" in key]
    return sorted({each for raw in given for each in (raw, unquote(raw)) if each}, key=len, reverse=True)


def _pairs(parameters: str) -> list[tuple[str, str]]:
    raw = [each.partition("=") for each in parameters.split("&")]
    return [(key, value) for key, _, value in raw] + parse_qsl(parameters)


def _parsed(url: str) -> dict[str, str | None]:
    if (found := _URL.fullmatch(url)) is None:
        raise JournalError(
            "the journal's URL isn't one: write postgresql://USER@HOST:PORT/DATABASE?PARAMETER=VALUE, and "
            "percent-encode what else is in its parts"
        )
    return found.groupdict()
