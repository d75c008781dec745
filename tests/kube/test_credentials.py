"""Who we are: tokens, passwords, plugins and certificates, and how they stay fresh."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from doorward.cluster.kube import AccessError, transport
from doorward.cluster.kube.access import Access
from doorward.cluster.kube.credentials import Plugin, TokenFile
from doorward.cluster.protocol import ApiError
from doorward.model.reference import SERVICE, JsonObject, Resource

from tests.kube.conftest import CERTS, Connect, Server, refuses, says
from tests.patience import PATIENCE

SERVICES = Resource(SERVICE, "services")


async def authorization(server: Server, connect: Connect, user: JsonObject) -> str | None:
    """The Authorization header of a request of that user."""
    server.will(says({}))
    await connect(server.url, user).get(SERVICES, "team", "a")
    return server.requests[-1].headers.get("Authorization")


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({}, None),
        ({"token": "abc"}, "Bearer abc"),
        ({"token": "abc\n", "username": "u"}, "Bearer abc"),
        ({"username": "u", "password": "p"}, "Basic " + base64.b64encode(b"u:p").decode()),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "jwt"}}}, "Bearer jwt"),
        ({"token": "abc", "exec": {"apiVersion": "v1", "command": "never-run"}}, "Bearer abc"),
    ],
)
async def test_a_user_is_known_by_the_first_that_applies(
    server: Server, connect: Connect, user: JsonObject, header: str | None
) -> None:
    assert await authorization(server, connect, user) == header


async def test_a_user_may_act_as_another(server: Server, connect: Connect) -> None:
    user = {"as": "eve", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"scope": ["x"]}}
    await authorization(server, connect, user)
    headers = server.requests[0].headers
    assert (headers["Impersonate-User"], headers["Impersonate-Uid"]) == ("eve", "7")
    assert headers.getall("Impersonate-Group") == ["a", "b"]
    assert headers["Impersonate-Extra-scope"] == "x"


async def test_neither_netrc_nor_cookies_say_who_we_are(
    server: Server, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login mallory password x\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.will(says({}, Set_Cookie="session=1"))
    cluster = connect(server.url.replace("127.0.0.1", "localhost"))  # Cookies of addresses are never kept.
    await cluster.get(SERVICES, "team", "a")
    await cluster.get(SERVICES, "team", "a")
    assert not {"Authorization", "Cookie"} & {*server.requests[-1].headers}


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"auth-provider": {"name": "gcp"}}, "use a credential plugin"),
        ({"auth-provider": {"name": "oidc", "config": {}}}, "no id-token"),
        ({"exec": {"command": "x"}}, "no apiVersion"),
        ({"exec": {"apiVersion": "v1"}}, "no command"),
        ({"exec": {"apiVersion": "v1", "command": "x", "interactiveMode": "Always"}}, "asks people"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused_at_once(user: JsonObject, words: str) -> None:
    with pytest.raises(AccessError, match=words):
        transport.Transport(Access(cluster={"server": "http://x"}, user=user, source="file"))


async def test_a_token_file_is_read_again_every_minute(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "token"
    path.write_text("one\n")
    credentials = TokenFile(path, clock=lambda: now)
    assert (await credentials.current()).authorization == "Bearer one"
    path.write_text("two\n")
    now = 59
    assert (await credentials.current()).authorization == "Bearer one"
    now = 61
    assert (await credentials.current()).authorization == "Bearer two"
    path.unlink()
    now = 200
    assert (await credentials.current()).authorization == "Bearer two"


async def test_a_token_file_that_was_never_there_is_a_401_unless_there_is_a_token(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        await TokenFile(tmp_path / "none").current()
    assert caught.value.status == 401
    assert (await TokenFile(tmp_path / "none", "fallback").current()).authorization == "Bearer fallback"


async def test_a_token_that_is_refused_is_read_again_and_the_request_repeated(
    server: Server, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("old")

    async def check(request: web.Request) -> web.StreamResponse:
        path.write_text("new")
        return web.json_response({}, status=200 if request.headers["Authorization"] == "Bearer new" else 401)

    server.will(check)
    await connect(server.url, {"tokenFile": str(path)}).create(SERVICES, "team", {"kind": "Service"})
    assert [asked.headers["Authorization"] for asked in server.requests] == ["Bearer old", "Bearer new"]
    assert server.requests[1].body == {"kind": "Service"}


async def test_a_401_that_stays_is_told(server: Server, connect: Connect) -> None:
    server.will(refuses(401, "Unauthorized"))
    with pytest.raises(ApiError) as caught:
        await connect(server.url, {"token": "bad"}).get(SERVICES, "team", "a")
    assert caught.value.status == 401
    assert len(server.requests) == 2


V1 = "client.authentication.k8s.io/v1"


class Script:
    """A credential plugin: prints what it is told to, and counts how often it ran."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.user: JsonObject = {"exec": {"apiVersion": V1, "command": str(folder / "plugin"), "args": ["--x"]}}
        program = folder / "plugin"
        program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys\n"
            "folder = pathlib.Path(__file__).parent\n"
            "seen = {'args': sys.argv[1:], 'info': json.loads(os.environ['KUBERNETES_EXEC_INFO']),\n"
            "        'env': os.environ.get('EXTRA'), 'stdin': sys.stdin.read()}\n"
            "with open(folder / 'runs', 'a') as runs: print(json.dumps(seen), file=runs)\n"
            "exec((folder / 'body').read_text())\n"
        )
        program.chmod(0o755)

    def will(self, body: str) -> None:
        (self._folder / "body").write_text(body)

    def gives(self, **status: Any) -> None:
        credential = {"apiVersion": V1, "kind": "ExecCredential", "status": status}
        self.will(f"print({orjson.dumps(credential).decode()!r})")

    @property
    def runs(self) -> list[JsonObject]:
        return [orjson.loads(line) for line in (self._folder / "runs").read_text().splitlines()]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


async def test_a_plugin_gives_a_token_and_is_run_once(server: Server, connect: Connect, script: Script) -> None:
    script.gives(token="abc")
    script.user["exec"]["env"] = [{"name": "EXTRA", "value": "more"}]
    server.will(says({}))
    cluster = connect(server.url, script.user)
    for _ in range(3):
        await cluster.get(SERVICES, "team", "a")
    assert {asked.headers["Authorization"] for asked in server.requests} == {"Bearer abc"}
    info = {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}}
    assert script.runs == [{"args": ["--x"], "info": info, "env": "more", "stdin": ""}]


async def test_a_plugin_may_ask_to_be_told_of_the_cluster(script: Script, tmp_path: Path) -> None:
    script.gives(token="abc")
    script.user["exec"]["provideClusterInfo"] = True
    (tmp_path / "ca.pem").write_text("authority")
    config = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    entry = {"server": "https://x", "certificate-authority": str(tmp_path / "ca.pem"), "extensions": [config]}
    await Plugin(Access(cluster=entry, user=script.user)).current()
    assert script.runs[0]["info"]["spec"]["cluster"] == {
        "server": "https://x",
        "certificate-authority-data": base64.b64encode(b"authority").decode(),
        "config": {"audience": "x"},
    }


async def test_a_plugin_is_run_again_when_its_token_is_about_to_end(script: Script) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    plugin = Plugin(Access(cluster={"server": "x"}, user=script.user), clock=lambda: now)
    script.gives(token="one", expirationTimestamp="2026-01-01T00:10:00Z")
    assert (await plugin.current()).authorization == "Bearer one"
    script.gives(token="two", expirationTimestamp="2026-01-01T01:00:00+00:00")
    now += timedelta(minutes=9)
    assert (await plugin.current()).authorization == "Bearer one"
    now += timedelta(seconds=55)
    assert (await plugin.current()).authorization == "Bearer two"


async def test_a_plugin_is_run_again_when_its_token_is_refused(
    server: Server, connect: Connect, script: Script
) -> None:
    script.gives(token="one")

    async def check(request: web.Request) -> web.StreamResponse:
        script.gives(token="two")
        return web.json_response({}, status=200 if request.headers["Authorization"] == "Bearer two" else 401)

    server.will(check)
    await connect(server.url, script.user).get(SERVICES, "team", "a")
    assert len(script.runs) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit('not logged in')", "ended with 1: not logged in"),
        ("print('rubbish')", "gave no ExecCredential"),
        ("print('{}')", "gave no ExecCredential"),
        (f"""print('{{"apiVersion": "{V1}", "status": {{}}}}')""", "neither a token nor a certificate"),
        ("""print('{"apiVersion": "other", "status": {"token": "x"}}')""", "answered as other"),
        (
            f"""print('{{"apiVersion": "{V1}", "status": {{"token": "x", "expirationTimestamp": "soon"}}}}')""",
            "gave no",
        ),
        ("print('x' * 10**6, file=sys.stderr); sys.exit(3)", "ended with 3"),
    ],
)
async def test_a_plugin_that_fails_is_a_401_that_says_why(
    server: Server, connect: Connect, script: Script, body: str, words: str
) -> None:
    script.will(body)
    with pytest.raises(ApiError, match=words) as caught:
        await connect(server.url, script.user).get(SERVICES, "team", "a")
    assert caught.value.status == 401
    assert server.requests == []


async def test_a_plugin_that_is_not_installed_says_how_to_get_it(server: Server, connect: Connect) -> None:
    plugin = {"apiVersion": V1, "command": "no-such-plugin", "installHint": "Install it from the shop."}
    with pytest.raises(ApiError, match=r"can't be started.*Install it from the shop") as caught:
        await connect(server.url, {"exec": plugin}).get(SERVICES, "team", "a")
    assert caught.value.status == 401


@pytest.fixture
def named(tls_server: Server) -> Server:
    """A server that answers with the name in the client certificate."""

    async def name(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        certificate = request.transport.get_extra_info("peercert") or {}
        found = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        return web.json_response({"name": found[0] if found else None})

    tls_server.will(name)
    return tls_server


TRUSTED = {"certificate_authority": str(CERTS / "ca.pem"), "tls_server_name": "inside.test"}


def data(name: str) -> str:
    return base64.b64encode((CERTS / name).read_bytes()).decode()


async def test_client_certificates_may_be_files_or_data(named: Server, connect: Connect) -> None:
    files = {"client-certificate": str(CERTS / "alice.pem"), "client-key": str(CERTS / "alice.key")}
    inline = {"client-certificate-data": data("bob.pem"), "client-key-data": data("bob.key")}
    assert await connect(named.url, files, **TRUSTED).get(SERVICES, "", "x") == {"name": "alice"}
    assert await connect(named.url, inline, **TRUSTED).get(SERVICES, "", "x") == {"name": "bob"}
    assert await connect(named.url, {}, **TRUSTED).get(SERVICES, "", "x") == {"name": None}


async def test_a_plugin_may_give_a_client_certificate_and_renew_it(
    named: Server, connect: Connect, script: Script
) -> None:
    def give(name: str, expires: str) -> None:
        pem = {"clientCertificateData": (CERTS / f"{name}.pem").read_text()}
        script.gives(**pem, clientKeyData=(CERTS / f"{name}.key").read_text(), expirationTimestamp=expires)

    give("alice", "2020-01-01T00:00:00Z")
    cluster = connect(named.url, script.user, **TRUSTED)
    assert await cluster.get(SERVICES, "", "x") == {"name": "alice"}
    give("bob", "2999-01-01T00:00:00Z")
    assert await cluster.get(SERVICES, "", "x") == {"name": "bob"}


async def test_certificate_files_that_change_are_taken_up(
    named: Server, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CERTIFICATE_CHECK", 0)
    for part in ("pem", "key"):
        shutil.copy(CERTS / f"alice.{part}", tmp_path / f"me.{part}")
    files = {"client-certificate": str(tmp_path / "me.pem"), "client-key": str(tmp_path / "me.key")}
    cluster = connect(named.url, files, **TRUSTED)
    assert await cluster.get(SERVICES, "", "x") == {"name": "alice"}
    for part in ("pem", "key"):
        shutil.copy(CERTS / f"bob.{part}", tmp_path / f"me.{part}")
        os.utime(tmp_path / f"me.{part}", (1, 1))
    assert await cluster.get(SERVICES, "", "x") == {"name": "bob"}


async def test_a_watch_goes_on_while_connections_are_renewed(server: Server, connect: Connect, script: Script) -> None:
    script.gives(
        clientCertificateData=(CERTS / "alice.pem").read_text(),
        clientKeyData=(CERTS / "alice.key").read_text(),
        expirationTimestamp="2020-01-01T00:00:00Z",
    )
    cluster = connect(server.url, script.user)

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(2):
            if number == 1:
                server.will(says({}))
                script.gives(
                    clientCertificateData=(CERTS / "bob.pem").read_text(),
                    clientKeyData=(CERTS / "bob.key").read_text(),
                )
                await cluster.get(SERVICES, "", "x")
            await response.write(orjson.dumps({"type": "ADDED", "object": {"number": number}}) + b"\n")
        return response

    server.will(slow)
    async with asyncio.timeout(PATIENCE):
        numbers = [event.object["number"] async for event in cluster.watch(SERVICES, resource_version="1")]
    assert numbers == [0, 1]
    assert len(cluster._transport._pools) == 1


async def test_a_server_that_nobody_vouches_for_is_refused(named: Server, connect: Connect) -> None:
    for cluster in ({}, {"certificate_authority": str(CERTS / "ca.pem")}):
        with pytest.raises(ApiError) as caught:
            await connect(named.url, {"token": "secret"}, **cluster).get(SERVICES, "", "x")
        assert caught.value.status == 0
    assert named.requests == []


async def test_verification_may_be_switched_off(named: Server, connect: Connect) -> None:
    cluster = connect(named.url, insecure_skip_tls_verify=True)
    assert await cluster.get(SERVICES, "", "x") == {"name": None}


async def test_an_authority_may_be_data(named: Server, connect: Connect) -> None:
    cluster = connect(named.url, certificate_authority_data=data("ca.pem"), tls_server_name="inside.test")
    assert await cluster.get(SERVICES, "", "x") == {"name": None}


async def test_certificates_that_cannot_be_read_are_no_answer(connect: Connect) -> None:
    with pytest.raises(ApiError, match="certificates of kubeconfig"):
        await connect("https://127.0.0.1:1", certificate_authority="/none").get(SERVICES, "", "x")
