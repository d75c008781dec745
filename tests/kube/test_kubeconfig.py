"""Kubeconfigs mean what they mean to kubectl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from doorward.cluster.kube import AccessError, KubeCluster, kubeconfig
from doorward.model.reference import JsonObject

Write = Any


def config(name: str, *, current: str | None = None, user: JsonObject | None = None, **cluster: Any) -> JsonObject:
    """A kubeconfig with one context, cluster and user of that name."""
    content: JsonObject = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}", **cluster}}],
        "users": [{"name": name, "user": user or {}}],
    }
    return {**content, "current-context": current} if current is not None else content


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


def test_the_current_context_is_that_of_the_first_file_that_names_one(write: Write) -> None:
    files = [
        write("1", config("one", current="")),
        write("2", config("two", current="two")),
        write("3", config("three", current="three")),
    ]
    access = kubeconfig.read(files)
    assert (access.server, access.namespace) == ("https://two", "ns-two")
    assert kubeconfig.read(files, "three").server == "https://three"


def test_of_entries_with_one_name_the_first_wins_whole(write: Write) -> None:
    first = write("1", config("same", current="same", user={"token": "first"}))
    second = write("2", config("same", user={"username": "second"}, **{"tls-server-name": "second"}))
    access = kubeconfig.read([first, second])
    assert access.user == {"token": "first"}
    assert access.cluster == {"server": "https://same"}


def test_paths_are_relative_to_their_own_file(write: Write, tmp_path: Path) -> None:
    user = {
        "client-certificate": "c.pem",
        "client-key": "/abs/k.pem",
        "tokenFile": "t",
        "exec": {"apiVersion": "v1", "command": "./plugin", "args": ["./kept"]},
    }
    file = write("deep/config", config("one", current="one", user=user, **{"certificate-authority": "../ca.pem"}))
    access = kubeconfig.read([file])
    folder = tmp_path / "deep"
    assert access.user["client-certificate"] == str(folder / "c.pem")
    assert access.user["client-key"] == "/abs/k.pem"
    assert access.user["tokenFile"] == str(folder / "t")
    assert access.user["exec"]["command"] == str(folder / "plugin")
    assert access.user["exec"]["args"] == ["./kept"]
    assert access.cluster["certificate-authority"] == str(folder / "../ca.pem")


def test_a_plugin_without_a_path_is_looked_up_on_path(write: Write) -> None:
    file = write("c", config("one", current="one", user={"exec": {"apiVersion": "v1", "command": "plugin"}}))
    assert kubeconfig.read([file]).user["exec"]["command"] == "plugin"


def test_a_context_may_have_no_user(write: Write) -> None:
    content = config("one", current="one")
    del content["contexts"][0]["context"]["user"], content["users"]
    assert kubeconfig.read([write("c", content)]).user == {}


def broken(change: str) -> JsonObject:
    content = config("one", current="one")
    if change == "no context":
        content["contexts"] = None
    elif change == "no cluster":
        content["clusters"] = []
    elif change == "no user":
        content["users"] = []
    elif change == "no server":
        content["clusters"][0]["cluster"] = {}
    elif change == "no current":
        del content["current-context"]
    elif change == "nameless":
        del content["users"][0]["name"]
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (broken("no context"), "no context 'one'.*there are: none"),
        (broken("no cluster"), "names cluster 'one'"),
        (broken("no user"), "names user 'one'"),
        (broken("no server"), "names cluster 'one', which has no server"),
        (broken("no current"), "no current-context"),
        (broken("nameless"), "every entry of users needs a name"),
        ("", "no current-context"),
        ("- a list", "not a kubeconfig"),
        ("{", "can't be read"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said(write: Write, content: object, words: str) -> None:
    with pytest.raises(AccessError, match=words):
        kubeconfig.read([write("config", content)])


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="can't be read"):
        KubeCluster.from_kubeconfig(tmp_path / "none")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, outside any cluster."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_connect_reads_the_files_of_kubeconfig_that_exist(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(".kube/config", config("home", current="home"))
    named = write("named", config("named", current="named"))
    assert KubeCluster.connect().server == "https://home"
    monkeypatch.setenv("KUBECONFIG", f":{home / 'missing'}:{named}")
    assert KubeCluster.connect().server == "https://named"


async def test_connect_prefers_a_kubeconfig_to_the_pod(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", home)
    write("token", "secret")
    write("ca.crt", "authority")
    write("namespace", "ome\n")
    cluster = KubeCluster.connect()
    assert (cluster.server, cluster.namespace) == ("https://10.0.0.1:443", "ome")
    write(".kube/config", config("home", current="home"))
    assert KubeCluster.connect().server == "https://home"


def test_connect_says_what_it_looked_for(home: Path) -> None:
    with pytest.raises(AccessError, match="KUBECONFIG"):
        KubeCluster.connect()


def test_a_pod_has_a_service_account(tmp_path: Path, write: Write) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    with pytest.raises(AccessError, match="not in a pod"):
        kubeconfig.in_cluster({}, tmp_path)
    with pytest.raises(AccessError, match="no service account"):
        kubeconfig.in_cluster(environ, tmp_path)
    write("token", "secret")
    write("ca.crt", "authority")
    access = kubeconfig.in_cluster(environ, tmp_path)
    assert access.server == "https://[fd00::1]:6443"
    assert access.cluster["certificate-authority"] == str(tmp_path / "ca.crt")
    assert access.user == {"tokenFile": str(tmp_path / "token")}
