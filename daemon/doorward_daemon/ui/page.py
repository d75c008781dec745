"""What is answered below ``/ui``: the page's files, and its API.

    /ui                                     leads to the page
    /ui/                                    the page
    /ui/api/doors                           every door, one row each; .json and .csv for people's own programs
    /ui/api/doors/KIND/NAMESPACE/NAME       one door: as it is, as a picture
    ... /timeline                           what happened to it
    ... /then?number=N                      as it was after record N
    ... /changes?from=N&to=M                what differs between two moments; without ``to``: and now
    /ui/api/settings                        the settings in force
    /ui/api/events?version=V                what is new, as server-sent events

Everything is GET.  What is asked for and isn't there, or may not be seen, is 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web
from doorward.engine import SETTINGS_NAME
from doorward.journal import Journal
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.runtime.shell import Shell

from doorward_daemon.reported import condition_type, reported, url_of
from doorward_daemon.ui import static_files, table
from doorward_daemon.ui.access import Access, Local, Rights, Tokens
from doorward_daemon.ui.changes import changes
from doorward_daemon.ui.doors import COLUMNS, Doors, Row
from doorward_daemon.ui.headers import guarded
from doorward_daemon.ui.in_force import in_force
from doorward_daemon.ui.packed import Packed, pack
from doorward_daemon.ui.past import Past
from doorward_daemon.ui.picture import picture
from doorward_daemon.ui.scene import scene_of
from doorward_daemon.ui.story import Story, story
from doorward_daemon.ui.stream import Stream

__all__ = ["Page"]

_encode = msgspec.json.Encoder().encode


class Page:
    """The page of one process.  Its ``listeners`` are to be told what the shell tells.

    ``loopback``: it is served there alone, and to everybody who reaches it; else by the cluster's own authentication.
    ``readiness`` gives whether the process is ready, and what there is to say about it.
    """

    def __init__(
        self,
        shell: Shell,
        journal: Journal | None,
        *,
        settings_namespace: str,
        loopback: bool,
        readiness: Callable[[], tuple[bool, list[str]]],
    ) -> None:
        self._shell = shell
        self._engine = shell.engine
        self._backends = shell.engine.backends
        self._settings_namespace = settings_namespace
        self._readiness = readiness
        sources = self._backends.sources
        self._access: Access = Local(sources) if loopback else Tokens(shell.cluster, sources, settings_namespace)
        self._kept = journal is not None
        self._whole: tuple[int, Packed] = (-1, Packed(b"", b""))
        """The newest answer with all doors, by the version of the list."""
        self.doors = Doors(shell)
        """The list."""
        self._past = Past(journal)
        self._stream = Stream(self.doors, self._about)
        self.listeners = (self.doors, self._past)

    def application(self) -> web.Application:
        """To be served below ``/ui``."""
        app = web.Application(middlewares=[guarded, self._checked])
        one = "/api/doors/{kind}/{namespace}/{name}"
        app.add_routes(
            [
                web.get("", self._to_index),
                web.get("/", self._index),
                web.get("/api/doors", self._list),
                web.get("/api/doors.{form:csv|json}", self._table),
                web.get(one, self._one),
                web.get(one + "/timeline", self._timeline),
                web.get(one + "/then", self._then),
                web.get(one + "/changes", self._changes),
                web.get("/api/settings", self._settings),
                web.get("/api/events", self._events),
                web.get("/{file:[a-z0-9_./-]+}", self._file),
            ]
        )
        app.on_startup.append(self._begin)
        app.on_shutdown.append(self._end)
        return app

    async def _begin(self, _: web.Application) -> None:
        self._tasks = [asyncio.create_task(self._stream.tell()), asyncio.create_task(self._prepare())]

    async def _prepare(self) -> None:
        """Have the list by the time that somebody asks for it; a door that is to open comes first."""
        await self._shell.wait_for(lambda: self._engine.ready and self._engine.idle)
        await self.doors.refresh()

    async def _end(self, _: web.Application) -> None:
        self._stream.stop()
        for task in self._tasks:
            task.cancel()

    @web.middleware
    async def _checked(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self._access.check(request)
        return await handler(request)

    # -- files ---------------------------------------------------------------------------------------------------

    async def _to_index(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{request.path}/")

    async def _index(self, request: web.Request) -> web.Response:
        return static_files.answer("index.html", request)

    async def _file(self, request: web.Request) -> web.Response:
        return static_files.answer(request.match_info["file"], request)

    # -- all doors -----------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        rows, whole = await self._rows(request)
        version = self.doors.version
        if whole and version == self._whole[0]:
            packed = self._whole[1]
        else:
            packed = await asyncio.to_thread(_packed, version, rows)
            if whole:
                self._whole = version, packed
        return packed.answer(request, {"Content-Type": "application/json"})

    async def _table(self, request: web.Request) -> web.Response:
        rows = table.chosen((await self._rows(request))[0], request.query)
        form = request.match_info["form"]
        headers = {"Content-Disposition": f'attachment; filename="doors.{form}"'}
        if form == "csv":
            return web.Response(body=table.as_csv(rows), headers={**headers, "Content-Type": "text/csv; charset=utf-8"})
        return web.Response(body=table.as_json(rows), headers={**headers, "Content-Type": "application/json"})

    async def _rows(self, request: web.Request) -> tuple[list[Row], bool]:
        """The rows that may be seen, and whether these are all."""
        await self.doors.refresh()
        rights = await self._access.rights(request, self.doors.namespaces())
        rows = self.doors.rows()
        if rights.sees_all(self._backends.sources):
            return rows, True
        return [row for row in rows if rights.sees(row.kind, row.namespace)], False

    async def _events(self, request: web.Request) -> web.StreamResponse:
        async def rights() -> Rights:
            return await self._access.rights(request, self.doors.namespaces())

        await rights()
        return await self._stream.follow(request, _number(request, "version"), rights)

    def _about(self) -> dict[str, object]:
        """What is true of the whole process."""
        ready, said = self._readiness()
        return {"ready": ready, "said": said, "settings": self._engine.configured.at, "journal": self._kept}

    # -- one door ------------------------------------------------------------------------------------------------

    async def _one(self, request: web.Request) -> web.Response:
        ref, known = await self._known(request)
        numbers = {str(each): number for each, (_, number) in self._engine.known_of(ref).items()}
        return _json({**self._shown(ref, known, self._engine.settings), "numbers": numbers})

    async def _timeline(self, request: web.Request) -> web.Response:
        ref, known = await self._known(request)
        told = await self._story(ref, known)
        return _json({"moments": told.moments, "since": told.since, "journal": self._kept})

    async def _then(self, request: web.Request) -> web.Response:
        ref, known = await self._known(request)
        told, number = await self._story(ref, known), _number(request, "number")
        settings = told.settings_at(number, self._engine.settings)
        return _json(self._shown(ref, told.at(number), settings, whole=not told.since))

    async def _changes(self, request: web.Request) -> web.Response:
        ref, known = await self._known(request)
        told, start = await self._story(ref, known), _number(request, "from")
        end = _number(request, "to") if "to" in request.query else None
        return _json({"changes": changes(told.at(start), known if end is None else told.at(end))})

    def _shown(
        self, ref: Ref, known: Mapping[Ref, JsonObject], settings: Settings | None, *, whole: bool = True
    ) -> dict[str, object]:
        """A door by what is ``known``; where that isn't the ``whole``, nobody can say that a Service wasn't there."""
        unlisted = {*self._engine.missing, *self._engine.unsynced, *(() if whole else (SERVICE,))}
        scene = scene_of(ref, known, settings, self._backends, unlisted=unlisted)
        if scene is None:
            return {"service": None}
        metadata, status = scene.service.metadata, scene.service.status
        condition = reported(status.conditions, condition_type(scene.service.source, settings))
        return {
            "service": {
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "created": metadata.creationTimestamp,
                "url": url_of(status.url, condition),
                "address": status.address.url,
            },
            "picture": picture(scene, self._backends),
            "objects": [str(each) for each in scene.objects],
        }

    async def _story(self, ref: Ref, known: Mapping[Ref, JsonObject]) -> Story:
        uid = str(known[ref]["metadata"].get("uid", ""))
        beside = {each for each in known if each.kind not in self._backends.sources}
        beside.add(ref._replace(kind=self._backends.watched_as(ref.kind)))
        beside.update(Ref(SERVICE, ref.namespace, target.service) for target in self._engine.lacking.get(ref, ()))
        return await asyncio.to_thread(story, await self._past.told(ref, uid, beside), known)

    async def _known(self, request: web.Request) -> tuple[Ref, dict[Ref, JsonObject]]:
        """A service, and what is known of its door.  Raises HTTPNotFound where there is none, or none to be seen."""
        ref = Ref(*(request.match_info[part] for part in ("kind", "namespace", "name")))
        rights = await self._access.rights(request, {ref.namespace})
        known = self._engine.known_of(ref) if ref.kind in self._backends.sources else {}
        if not known or not rights.sees(ref.kind, ref.namespace):
            raise web.HTTPNotFound(text="there is no such service\n")
        return ref, {each: obj for each, (obj, _) in known.items()}

    # -- settings ------------------------------------------------------------------------------------------------

    async def _settings(self, request: web.Request) -> web.Response:
        rights = await self._access.rights(request, self.doors.namespaces())
        where = f"{self._settings_namespace}/{SETTINGS_NAME}"
        if not rights.settings:
            raise web.HTTPForbidden(text=f"you may not get the ConfigMap {where}; ask for that right\n")
        return _json(in_force(self._engine, where))


def _json(value: object) -> web.Response:
    return web.Response(body=_encode(value), content_type="application/json")


def _packed(version: int, rows: list[Row]) -> Packed:
    """The list; in the order in which the page shows it at first, so that there is little left to sort."""
    rows.sort(key=lambda row: (row.namespace, row.name, row.kind))
    return pack(_encode({"version": version, "columns": COLUMNS, "rows": rows}))


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not text.isdecimal() or len(text) > 18:
        raise web.HTTPBadRequest(text=f"{name} must be the number of a record\n")
    return int(text)
