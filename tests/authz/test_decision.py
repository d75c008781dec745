"""Who may come in, decided without a network: right keys, wrong ones, other doors' ones, and hosts written oddly."""

from __future__ import annotations

import base64

import pytest
from doorward_daemon.authz.decision import Answer, Trial

from tests.authz.asking import Known, hashed, question, secret

ALICE, BOB = "alices-key", "bobs-key"
DOOR = "/door/nginx/a/m"
BY_HOST = "/host/envoy"


@pytest.fixture
def known() -> Known:
    doors = Known()
    doors.door(
        "a", "m", "api-key", "m.example.com/", "example.com/models/m", keys=secret(alice=ALICE, carol="carols-key")
    )
    doors.door("b", "n", "api-key", "n.example.com/", "example.com/models/n", keys=secret(bob=BOB))
    doors.door("a", "open", None, "open.example.com/", "example.com/models/open")
    return doors


def bearer(key: str) -> str:
    return f"Bearer {key}"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# -- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [DOOR, f"{BY_HOST}/v1/models", "/door/envoy/a/m/v1/models?x=/door/envoy/b/n"])
def test_a_client_of_the_door_comes_in_under_its_name(known: Known, target: str) -> None:
    host = "m.example.com"
    assert known.client(target, host=host, authorization=bearer(ALICE)) == "alice"
    assert known.client(target, host=host, x_api_key="carols-key") == "carol"
    assert known.client(target, host=host, authorization=f"bearer   {ALICE} ") == "alice"


WRONG: dict[str, dict[str, str | list[str]]] = {
    "nothing": {},
    "an empty key": {"authorization": "Bearer ", "x_api_key": ""},
    "a wrong key": {"authorization": bearer("nobodys-key")},
    "another door's key": {"authorization": bearer(BOB)},
    "the beginning of a key": {"x_api_key": ALICE[:-1]},
    "more than a key": {"x_api_key": ALICE + "x"},
    "another case": {"x_api_key": ALICE.upper()},
    "a client's name": {"x_api_key": "alice"},
    "a header twice": {"authorization": [bearer(ALICE), bearer(ALICE)]},
    "a key as a password": {"authorization": basic("alice", ALICE)},
    "a bare key": {"authorization": ALICE},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_nobody_else_comes_in_and_all_are_told_the_same(known: Known, headers: dict[str, str | list[str]]) -> None:
    answers = {
        known.decide(question(target, host=host, **headers))
        for target, host in (
            (DOOR, ""),
            (BY_HOST, "m.example.com"),
            (BY_HOST, "nobody.example.com"),
            ("/door/nginx/a/x", ""),
        )
    }
    assert answers == {Answer(401, "refused")}


def test_a_key_beside_a_header_for_the_component_lets_in(known: Known) -> None:
    assert known.client(DOOR, authorization=bearer("for-the-component"), x_api_key=ALICE) == "alice"
    assert known.client(DOOR, authorization=bearer(ALICE), x_api_key="something") == "alice"


def test_an_open_door_names_nobody(known: Known) -> None:
    assert known.client("/door/nginx/a/open", authorization=bearer(ALICE)) == ""
    assert known.client(BY_HOST, host="open.example.com") == ""


def test_nothing_is_said_before_it_is_known(known: Known) -> None:
    known.door("a", "new", "api-key", "new.example.com/")
    assert known.status("/door/nginx/a/new", x_api_key=ALICE) == 503
    known.ready = False
    assert known.status(DOOR, x_api_key=ALICE) == 503


def test_a_secret_of_nobody_lets_nobody_in(known: Known) -> None:
    for keys in (secret(), secret(alice=""), {**secret(alice=ALICE), "type": "kubernetes.io/tls"}):
        known.door("a", "m", "api-key", keys=keys)
        assert known.status(DOOR, x_api_key=ALICE) == known.status(DOOR, x_api_key="") == 401


def test_an_edited_secret_is_in_force_with_the_next_question(known: Known) -> None:
    known.door("a", "m", "api-key", keys=secret(alice="a-new-key"))
    assert known.status(DOOR, x_api_key=ALICE) == 401
    assert known.client(DOOR, x_api_key="a-new-key") == "alice"


def test_the_end_of_a_line_is_no_part_of_a_key(known: Known) -> None:
    """As files that editors write end in one."""
    known.door("a", "m", "api-key", keys=secret(alice=f"{ALICE}\n"))
    assert known.client(DOOR, x_api_key=ALICE) == "alice"


# -- passwords -------------------------------------------------------------------------------------------------------


@pytest.fixture
def passwords(known: Known) -> Known:
    known.door("a", "m", "basic", keys=secret(auth=f"alice:{hashed('secret')}\n"))
    return known


def test_a_password_is_tried_once_and_then_known(passwords: Known) -> None:
    asked = question(DOOR, authorization=basic("alice", "secret"))
    trial = passwords.decide(asked)
    assert isinstance(trial, Trial)
    answer = passwords.decide(asked, alice=True)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.client) == (200, "alice")
    assert passwords.decide(asked, alice=False) == Answer(401, "refused", challenge="basic")


def test_a_user_that_there_isnt_takes_as_long_and_never_comes_in(passwords: Known) -> None:
    asked = question(DOOR, authorization=basic("mallory", "secret"))
    assert isinstance(passwords.decide(asked), Trial)
    assert passwords.decide(asked, mallory=True) == Answer(401, "refused", challenge="basic")


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic YWxpY2U=", "Basic Og==", "Bearer secret"])
def test_what_is_no_password_is_refused_without_a_trial(passwords: Known, header: str) -> None:
    assert passwords.decide(question(DOOR, authorization=header)) == Answer(401, "refused", challenge="basic")


def test_what_a_request_shows_is_never_printed() -> None:
    asked = question(DOOR, authorization=basic("alice", "secret"), x_api_key=ALICE)
    text = repr([asked, asked.credentials, Trial("alice", "secret", "x")])
    assert "secret" not in text
    assert ALICE not in text


# -- hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["m.example.com", "M.Example.COM", "m.example.com.", "m.example.com:8443", "m.example.com.:80"]
)
def test_a_host_is_the_same_however_it_is_written(known: Known, host: str) -> None:
    assert known.client(BY_HOST, host=host, x_api_key=ALICE) == "alice"
    assert known.status(BY_HOST, host=host, x_api_key=BOB) == 401


@pytest.mark.parametrize(
    "host",
    ["", "m.example.com..", ".m.example.com", "m.example.com:", "m.example.com:x", "m.example.com:80:80",
     "m.example.com/", "a@m.example.com", "m.example.com,n.example.com", " m.example.com", "m.example.com\t",
     "[::1]", "127.0.0.1", "m\u3002example.com"],
)  # fmt: skip
def test_what_is_no_host_is_refused_with_any_key(known: Known, host: str) -> None:
    for key in (ALICE, BOB):
        assert known.status(BY_HOST, host=host, x_api_key=key) == 401


def test_two_hosts_are_none(known: Known) -> None:
    assert known.status(BY_HOST, host=["n.example.com", "m.example.com"], x_api_key=BOB) == 401


def test_headers_of_other_proxies_choose_no_door(known: Known) -> None:
    """What one proxy sets, a client may send through another."""
    other = {"x_forwarded_host": "n.example.com", "x_original_url": "http://n.example.com/", "x_forwarded_uri": "/"}
    assert known.status(BY_HOST, host="m.example.com", x_api_key=BOB, **other) == 401
    forged = {"host": "n.example.com", "x_original_url": "http://n.example.com/"}
    assert (
        known.status("/host/traefik", x_forwarded_host="m.example.com", x_forwarded_uri="/", x_api_key=BOB, **forged)
        == 401
    )
    at_nginx = {"host": "n.example.com", "x_forwarded_host": "n.example.com"}
    assert known.status("/host/nginx", x_original_url="http://m.example.com/", x_api_key=BOB, **at_nginx) == 401


# -- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/models/m", "/models/m/", "/models/m/v1/chat%20x", "/models/m/v1?/models/n/../m"])
def test_doors_that_share_a_host_are_told_apart_by_path(known: Known, path: str) -> None:
    assert known.client(BY_HOST + path, host="example.com", x_api_key=ALICE) == "alice"
    assert known.status(BY_HOST + path, host="example.com", x_api_key=BOB) == 401
    url = f"https://example.com{path}"
    assert known.client("/host/nginx", x_original_url=url, x_api_key=ALICE) == "alice"
    forwarded = {"x_forwarded_host": "example.com", "x_forwarded_uri": path}
    assert known.client("/host/traefik", x_api_key=ALICE, **forwarded) == "alice"


@pytest.mark.parametrize("path", ["", "/", "/models", "/models/mm", "/Models/m", "/models/M"])
def test_a_path_of_no_door_is_refused(known: Known, path: str) -> None:
    for key in (ALICE, BOB):
        assert known.status(BY_HOST + path, host="example.com", x_api_key=key) in (401, 403)


@pytest.mark.parametrize(
    "path",
    ["/models/n/../m/v1", "/models/n/%2e%2e/m", "/models/n/.%2E/m", "/models/n/..;/m", "/models/n/..", "//models/m",
     "/models//m", "/models/n/./x", "/models/open/../m", "/models/%6d/x", "/models/n%2f..%2fm", "/models/n/..%5cm",
     "/models/n\\..\\m", "/models/n;/../m", "/models/n%3b/x", "/models/n%00", "/models/n/%2", "/models/n#/../m",
     "/models/n%23", "/models/n%3f", "/models/n\x7f", "/models/n%252e"],
)  # fmt: skip
def test_a_path_that_proxies_may_read_in_two_ways_is_nobody_s(known: Known, path: str) -> None:
    for key in (ALICE, BOB, ""):
        assert known.status(BY_HOST + path, host="example.com", x_api_key=key) in (401, 403, 404)
        assert known.status("/host/nginx", x_original_url=f"http://example.com{path}", x_api_key=key) in (401, 403)


def test_a_path_of_an_odd_form_is_the_door_s_own_business_where_it_has_the_host_alone(known: Known) -> None:
    assert known.client(f"{BY_HOST}/a//b/%2e%2e/c;d", host="m.example.com", x_api_key=ALICE) == "alice"


@pytest.mark.parametrize("rest", ["", "/", "/../n", "/%2e%2e/n", "/../../b/n", "?/door/nginx/b/n", "//b/n", ";/b/n"])
def test_what_follows_a_named_door_names_no_other(known: Known, rest: str) -> None:
    target = f"/door/envoy/a/m{rest}"
    if not rest.startswith(";"):
        assert known.client(target, x_api_key=ALICE) == "alice"
    assert known.status(target, x_api_key=BOB) == 401


# -- what is exempt, and who shares ----------------------------------------------------------------------------------


def test_an_exempt_path_is_open_to_the_letter(known: Known) -> None:
    known.exempt = ("/health",)
    for target in (f"{BY_HOST}/health", f"{BY_HOST}/health?x=1", "/door/envoy/a/m/health"):
        assert known.client(target, host="m.example.com") == ""
    assert known.client("/door/nginx/a/m", x_original_url="http://m.example.com/health") == ""
    assert known.client(f"{BY_HOST}/models/m/health", host="example.com") == ""
    for path in ("/health/", "/health/x", "/healthz", "//health", "/x/../health", "/%68ealth", "/HEALTH", "/health;x"):
        assert known.status(BY_HOST + path, host="m.example.com") == 401


def test_whoever_has_a_host_for_a_moment_with_another_has_to_agree(known: Known) -> None:
    known.door("b", "second", "api-key", "m.example.com/", keys=secret(dora="doras-key"))
    for key in (ALICE, "doras-key"):
        assert known.status(BY_HOST, host="m.example.com", x_api_key=key) == 401
    both = {"x_api_key": ALICE, "authorization": bearer("doras-key")}
    assert known.client(BY_HOST, host="m.example.com", **both) in ("alice", "dora")
    known.door("b", "third", None, "n.example.com/")
    assert known.client(BY_HOST, host="n.example.com", x_api_key=BOB) == "bob"
    assert known.status(BY_HOST, host="n.example.com") == 401
