"""Who may come in by a service's door: what its annotations and the settings ask for, and whether its Secret serves.

    annotation doorward.io/auth, else setting auth          ->  none, api-key or basic
    annotation doorward.io/auth-secret, else the template   ->  the Secret, of the service's own namespace

A word that can't be read asks for a guard that nobody can give: the door is closed, never open by a slip of the pen.

Of a Secret the engine sees its summary alone (:mod:`doorward.model.credentials`): neither facts nor journal ever hold
a key.
"""

from __future__ import annotations

from doorward.model import credentials, template
from doorward.model.door import Door, Guard
from doorward.model.hosts import domain_problem
from doorward.model.quoting import quoted
from doorward.model.reference import SECRET, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import NAME_FIELDS, Settings
from doorward.state.inference_service import InferenceService
from doorward.state.reading import Reader

AUTH = "doorward.io/auth"
AUTH_SECRET = "doorward.io/auth-secret"


class Unguarded(Refusal):
    """The guard that a door asks for can't stand; so the door mustn't either."""


def asks_for_a_guard(service: InferenceService, settings: Settings) -> bool:
    """Whether it says anything but ``none``, by its annotation or the setting: what can't be read asks for one too."""
    if AUTH not in service.metadata.annotations:
        return settings.auth != "none"
    return service.annotation(AUTH).lower() != "none" or settings.auth_required


def guard_of(service: InferenceService, settings: Settings) -> Guard | None:
    """The guard that a service asks for; None for a door that is open to everybody.

    Raises Unguarded where what it asks for is none that there is.
    """
    if not asks_for_a_guard(service, settings):
        return None
    word = service.annotation(AUTH).lower() if AUTH in service.metadata.annotations else settings.auth
    for kind in credentials.KINDS:
        if word == kind:
            return Guard(kind=kind, secret=_secret(service, settings))
    said = f"annotation {AUTH}: {quoted(service.annotation(AUTH))}"
    if word == "none":
        raise Unguarded("AuthUnsupported", f"{said} isn't allowed, since setting authRequired is true; {_CHOICES}")
    open_ = "" if settings.auth_required else "; remove the annotation, or write none, to open it to everybody"
    raise Unguarded("AuthUnsupported", f"{said} is no guard, and without one the door stays closed; {_CHOICES}{open_}")


def guard_cause(service: InferenceService, settings: Settings) -> str:
    """What asks for a guard, or says that there is to be none."""
    if AUTH not in service.metadata.annotations:
        return "setting auth"
    is_none = service.annotation(AUTH).lower() == "none"
    return "setting authRequired" if is_none and settings.auth_required else f"annotation {AUTH}"


def secret_cause(service: InferenceService) -> str:
    """What names the Secret."""
    return f"annotation {AUTH_SECRET}" if service.annotation(AUTH_SECRET) else "setting authSecretTemplate"


_CHOICES = f"write {' or '.join(credentials.KINDS)}"


def _secret(service: InferenceService, settings: Settings) -> str:
    where = f"annotation {AUTH_SECRET}"
    name = service.annotation(AUTH_SECRET)
    if not name and settings.auth_secret_template:
        where = "setting authSecretTemplate"
        values = {"Name": service.name, "Namespace": service.namespace}
        name = template.compile(settings.auth_secret_template, NAME_FIELDS).render(values)
    if not name:
        what = f"no Secret is named; name one of namespace {service.namespace} in annotation {AUTH_SECRET}"
        raise Unguarded("AuthSecretInvalid", what)
    if problem := domain_problem(name):
        raise Unguarded("AuthSecretInvalid", f"{where}: {quoted(name)} can't be the name of a Secret: it {problem}")
    return name


def secret_of(service: InferenceService, settings: Settings) -> Ref | None:
    """The Secret that its guard goes by, if it asks for one that there is."""
    try:
        guard = guard_of(service, settings)
    except Unguarded:
        return None
    return Ref(SECRET, service.namespace, guard.secret) if guard else None


def no_guard(service: InferenceService, settings: Settings) -> Refusal:
    """Why a service has no guard, which is what it is closed for."""
    try:
        guard_of(service, settings)
    except Unguarded as why:
        return why
    raise AssertionError("a door is closed for its guard, and nothing is wrong with that one")


def check_guard(service: InferenceService, guard: Guard, door: Door, backend: str, *, typed: bool) -> None:
    """Refuse what no guard can stand before, whatever the backend: everybody who reaches a Service gets through.

    ``typed``: the service itself asks for a type of Service.
    """
    if door.service_type:
        what = f"a Service of type {door.service_type} lets everybody in"
        remedy = "remove annotation ome.io/service-type" if typed else "open the door by an ingress"
    elif not backend:
        what, remedy = "the entry component's own URL is the door, and lets everybody in", "let VirtualServices be made"
    elif not door.settings.auth_service:
        what, remedy = "no authorization service is known", "name it in setting authService"
    else:
        return
    asked = f"annotation {AUTH}" if AUTH in service.metadata.annotations else "setting auth"
    raise Unguarded("AuthUnsupported", f"{asked}: {guard.kind} is asked for, and {what}; {remedy}")


def check_secret(service: InferenceService, guard: Guard, reader: Reader, *, stands: bool) -> None:
    """Whether somebody can come in by a guard's Secret.

    One that nobody has looked at yet keeps a door from opening; a door that ``stands`` goes on behind its guard, which
    lets nobody in for as long.  Raises Refusal.
    """
    ref = Ref(SECRET, service.namespace, guard.secret)
    fact = reader.get(ref)
    if fact is None:
        if not stands:
            raise Refusal("AuthSecretInvalid", f"{ref} wasn't looked at yet", "Unknown")
    elif why := fact.object().get(credentials.UNUSABLE, {}).get(guard.kind):
        raise Unguarded("AuthSecretInvalid", f"{ref} lets nobody in: {why}")
