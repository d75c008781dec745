"""Hosts that an object names in fields of its spec: claimed, and taken off again."""

from __future__ import annotations

import pytest
from doorward.backends import Backends
from doorward.hooks import Watch, hookimpl
from doorward.model.door import Claim
from doorward.model.host_fields import named, narrowed
from doorward.model.merge import merge
from doorward.model.reference import Resource
from hypothesis import given
from hypothesis import strategies as st

PROXY = {"virtualhost": {"fqdn": "a.example.com", "tls": {}}, "routes": []}
RULES = {"rules": [{"host": "a.example.com", "to": "m"}, {"host": "b.example.com", "to": "m"}, {"to": "m"}]}
LIST = {"hosts": ["a.example.com", "b.example.com"], "port": 80}


@pytest.mark.parametrize(
    ("spec", "path", "hosts"),
    [
        (PROXY, "virtualhost.fqdn", ["a.example.com"]),
        (RULES, "rules.host", ["a.example.com", "b.example.com"]),
        (LIST, "hosts", ["a.example.com", "b.example.com"]),
        ({"hosts": None}, "hosts", []),
        ({"hosts": [1, {"a": 2}, "a.example.com"]}, "hosts", ["a.example.com"]),
        ({}, "hosts.names", []),
        (None, "hosts", []),
    ],
)
def test_hosts_are_found_through_lists(spec: object, path: str, hosts: list[str]) -> None:
    assert named(spec, (path,)) == hosts


def test_an_element_of_a_list_goes_with_its_host() -> None:
    patch = narrowed(RULES, ("rules.host",), ["b.example.com"])
    assert patch == {"rules": [{"host": "b.example.com", "to": "m"}, {"to": "m"}]}
    assert narrowed(LIST, ("hosts",), ["b.example.com"]) == {"hosts": ["b.example.com"]}


def test_an_object_without_any_host_left_goes() -> None:
    assert narrowed(LIST, ("hosts",), []) is None
    assert narrowed(PROXY, ("virtualhost.fqdn",), ["b.example.com"]) is None


HOSTS = st.lists(st.sampled_from(["a.test", "b.test", "c.test"]), unique=True, min_size=1)


@given(HOSTS, HOSTS)
def test_what_is_left_are_the_hosts_that_may_stay(hosts: list[str], staying: list[str]) -> None:
    spec = {"hosts": hosts, "rules": [{"host": host} for host in hosts]}
    patch = narrowed(spec, ("hosts", "rules.host"), staying)
    left = [host for host in hosts if host in staying]
    if patch is None:
        assert not left
    else:
        assert named(merge(spec, patch), ("hosts", "rules.host")) == left


class Proxies:
    @hookimpl
    def watches(self) -> tuple[Watch, ...]:
        kind = Resource("HTTPProxy.projectcontour.io", "httpproxies")
        return (Watch(resource=kind, owned="spec", hosts=("virtualhost.fqdn",)),)


def test_a_backend_that_names_the_fields_needs_no_hook_for_claims() -> None:
    backends = Backends({"proxies": Proxies()})
    kind = "HTTPProxy.projectcontour.io"
    assert backends.claims(kind, {"spec": PROXY}) == [Claim("a.example.com", via=(kind,))]
    assert backends.narrow(kind, {"spec": PROXY}, ["a.example.com"]) == {}
    assert backends.narrow(kind, {"spec": PROXY}, []) is None
