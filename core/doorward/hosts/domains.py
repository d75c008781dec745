"""Which domains a namespace may have hosts in (setting ``namespaceDomains``)."""

from __future__ import annotations

from fnmatch import fnmatchcase

from doorward.model.settings import Settings


def domain_problem(host: str, namespace: str, settings: Settings) -> str:
    """Why a namespace may not have a host, by setting ``namespaceDomains``; a namespace that no pattern names may."""
    named = [domains for pattern, domains in settings.namespace_domains.items() if fnmatchcase(namespace, pattern)]
    if not named:
        return ""
    allowed = sorted({domain for domains in named for domain in domains})
    if any(host == domain or host.endswith(f".{domain}") for domain in allowed):
        return ""
    return (
        f"{host} isn't below a domain that setting namespaceDomains allows namespace {namespace}: {', '.join(allowed)}"
    )
