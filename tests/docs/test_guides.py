"""The guides are followed: settings are those of the examples, commands are run, and print what the page says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from doorward.cluster.embedded import Request
from doorward.journal.sqlite import SqliteJournal
from doorward.model.event import Elapsed, Record
from doorward.model.reference import JsonObject, kind_of
from doorward_daemon.commands import app
from doorward_daemon.daemon import Options, reconcile
from typer.testing import CliRunner

from tests.cases.evaluate import route
from tests.controlplane import providers
from tests.controlplane.providers import ApiServer
from tests.docs import GUIDES, ROOT, Block, blocks, commands
from tests.docs.following import Reader, sections
from tests.engine.test_ownership import API, INGRESS, SPECS
from tests.shell.running import SERVICE, Running

FOLDER = ROOT / "docs" / "guides"
FROM_OME = FOLDER / "from-ome.md"
OPERATIONS = FOLDER / "operations.md"
GATEWAYS = [page for page in GUIDES if page not in (FROM_OME, OPERATIONS)]
SERVED = ("chat", "ingress", "istio-system")
"""The namespaces of the examples."""
by_guide = pytest.mark.parametrize("page", GATEWAYS, ids=lambda page: page.stem)


def examples(page: Path) -> list[Path]:
    """What a guide renders."""
    lines = [command for command in commands(page) if " render " in command]
    return [ROOT / line.split()[-1] for line in lines]


@by_guide
def test_a_guide_has_each_part(page: Path) -> None:
    headings = list(sections(page))
    assert headings[:3] == ["Settings", "What is rendered", "What to check"]
    assert headings[3] in ("What it can't do", "What they can't do")
    assert examples(page)


@by_guide
def test_settings_are_those_that_are_rendered(page: Path) -> None:
    shown = [block for block in blocks(page, "yaml") if not block.note.startswith("examples/")]
    assert shown
    for block in shown:
        file = block.note.removeprefix("shows ")
        assert file.startswith("examples/gateways/"), f"nothing says which file has this: {block.text}"
        assert block.text in (ROOT / file).read_text(), block.text


@pytest.mark.cluster
@by_guide
def test_what_is_to_be_checked_is_as_the_guide_says(
    page: Path, api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = with_kubectl(tmp_path / "reader", api_server.kubeconfig)
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    given = " ".join(f"-f {file}" for file in examples(page))
    conditions = ", ".join(f'{{"type": "{part}Ready", "status": "True"}}' for part in ("Engine", "Decoder"))
    ready = f'{{"status": {{"conditions": [{conditions}]}}}}'
    reader.follow(
        command(
            f"for each in ome {' '.join(SERVED)}; do kubectl create namespace $each || true; done\n"
            f"kubectl apply {given}\n"
            f"kubectl -n chat patch inferenceservice llama --subresource status --type merge --patch '{ready}'\n"
        )
    )
    result = CliRunner().invoke(app, ["run", "--once", *(f"--namespace={each}" for each in SERVED)])
    assert result.exit_code == 0, result.output
    for block in sections(page)["What to check"]:
        reader = reader.follow(block)
    kinds = "ingresses,virtualservices,httproutes,services,events"
    reader.follow(command(f"kubectl delete {given}; kubectl -n chat delete --all {kinds}\n"))


@pytest.mark.cluster
def test_kubectl_does_what_the_way_from_ome_tells_it(api_server: ApiServer, tmp_path: Path) -> None:
    """All but what is done to the Deployment, in the order of the page."""
    reader = replace(with_kubectl(tmp_path / "reader", api_server.kubeconfig), folder=tmp_path)
    reader.follow(command("kubectl create namespace ome || true\n"))
    given = False
    for block in blocks(FROM_OME):
        if block.language == "yaml":
            reader.follow(block)
            if not given:
                reader.follow(command(f"kubectl apply -f {block.note}\n"))
            given = True
        elif block.language == "sh":
            lines = [line for line in block.text.splitlines() if line.startswith("kubectl") and " scale " not in line]
            reader.follow(command("\n".join([*lines, ""])))
    reader = reader.follow(command("kubectl -n ome get configmap inferenceservice-config -o jsonpath='{.data}'\n"))
    assert "doorward" not in reader.printed, "OME's settings are as they were"
    reader.follow(command("kubectl -n ome delete configmap inferenceservice-config\n"))


def command(text: str) -> Block:
    return Block("sh", text, "")


def with_kubectl(home: Path, kubeconfig: Path) -> Reader:
    """A reader in the repository with a cluster's kubeconfig."""
    reader = Reader.at(home)
    kubectl = providers.kubectl()
    assert kubectl is not None
    (home / "bin" / "kubectl").symlink_to(kubectl)
    return replace(reader, environ={**reader.environ, "KUBECONFIG": str(kubeconfig)}, folder=ROOT)


# -- on a cluster in memory


class Follower:
    """Someone who follows a page before the embedded cluster, with files, ``kubectl apply`` and doorward."""

    def __init__(self, world: Running, capsys: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self.files: dict[str, JsonObject] = {}
        self._capsys = capsys
        self._printed = ""

    async def follow(self, block: Block) -> None:
        if block.language == "yaml":
            self.files[block.note] = yaml.safe_load(block.text)
        elif block.note == "prints":
            printed = [" ".join(line.split()) for line in self._printed.splitlines()]
            for line in block.text.splitlines():
                assert " ".join(line.split()) in printed, self._printed
        elif block.note == "reports":
            type_, status = block.text.split()
            assert self.condition(type_) == status
        else:
            for line in block.text.splitlines():
                await self._run(line)

    async def _run(self, line: str) -> None:
        if line.startswith("kubectl apply -f "):
            self.apply(self.files[line.split()[-1]])
        elif line in ("doorward run", "doorward run --once --dry-run"):
            self._capsys.readouterr()
            status = await reconcile(self.world.cluster, Options(once=True, dry_run="--dry-run" in line))
            self._printed = self._capsys.readouterr().out
            assert status == 0, self._printed
        else:
            assert line.startswith(("kubectl get ", "kubectl -n ome get ", "kubectl -n ome scale ", "doorward doctor"))

    def apply(self, obj: JsonObject) -> None:
        resource, metadata = self.world.resource(kind_of(obj)), obj["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        if any(each["metadata"]["name"] == name for each in self.world.store.list(resource).items):
            self.world.store.patch(resource, namespace, name, {"data": {"doorward": None, **obj["data"]}})
        else:
            self.world.store.create(resource, namespace, obj)

    def condition(self, type_: str) -> str:
        service = self.world.get(SERVICE, "m") or {}
        return next((c["status"] for c in service["status"]["conditions"] if c["type"] == type_), "")


@pytest.fixture
def world() -> Running:
    return Running()


def made_by_ome(world: Running) -> JsonObject:
    """The Ingress that OME's built-in ingress has made for service ``m``, as the API server has it."""
    service = world.get(SERVICE, "m")
    assert service
    owner = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": service["metadata"]["uid"]}
    metadata = {"name": "m", "namespace": "a", "ownerReferences": [{**owner, "controller": True}]}
    world.create({"apiVersion": API[INGRESS], "kind": "Ingress", "metadata": metadata, "spec": SPECS[INGRESS]})
    made = world.get(INGRESS, "m")
    assert made
    return made


async def test_omes_doors_are_taken_over_and_given_back_without_an_outage(
    world: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    page = sections(FROM_OME)
    follower = Follower(world, capsys)
    world.add("m")
    made = made_by_ome(world)

    def arrives(request: Request | None = None) -> None:
        if request and request.field_manager != "doorward":
            return
        standing = [obj for kind in (INGRESS, "Service") for obj in world.store.list(world.resource(kind)).items]
        assert route(standing, "http://m.a.example.com/v1/models") == ("m-engine", "/v1/models")

    world.store.faults.before.append(arrives)
    for heading in list(page)[:4]:
        for block in page[heading]:
            await follower.follow(block)
            arrives()
    taken = world.get(INGRESS, "m")
    assert taken
    assert taken["metadata"]["uid"] == made["metadata"]["uid"]
    assert taken["metadata"]["annotations"]["doorward.io/owner"]
    assert world.writes

    written = len(world.writes)
    await follower.follow(command("doorward run\n"))
    assert len(world.writes) == written, "without adopt nothing changes"
    for block in page["Back again"]:
        await follower.follow(block)
    world.patch(INGRESS, "m", {"spec": made["spec"]}, field_manager="ome")
    arrives()


async def test_an_upgrade_is_looked_at_before(world: Running, capsys: pytest.CaptureFixture[str]) -> None:
    follower = Follower(world, capsys)
    world.settings()
    world.add("m")
    await follower.follow(command("doorward run\n"))
    for block in sections(OPERATIONS)["Upgrade"]:
        await follower.follow(block)


def test_a_journal_is_backed_up_while_it_is_written(tmp_path: Path) -> None:
    reader = replace(Reader.at(tmp_path / "reader"), folder=tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    records = [Record(number, 0, Elapsed(at=float(number))) for number in (1, 2, 3)]
    writer = SqliteJournal(tmp_path / "journal.sqlite")
    writer.append(records)
    writer.commit()
    for block in sections(OPERATIONS)["Back up the journal"]:
        if block.language == "sh":
            reader.follow(block)
    writer.close()
    copy = SqliteJournal(tmp_path / "backup.sqlite")
    assert list(copy.replay()) == records
    copy.close()
