"""Every address and socket × everybody, as matrix.txt has it: nothing wrong, no row missing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode
from uuid import uuid4

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, TransactionTestCase
from django.urls import get_resolver

from playground import asgi
from playground.models import ApiToken, User
from tests.base import WebTestCase

from . import cast
from .cast import ACTORS, MARKS
from .sameness import plain

TABLE = Path(__file__).with_name("matrix.txt")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # HEAD is GET; OPTIONS tells nothing here
SOCKET_ACTIONS = ("OPEN", "SAY")
API = "/api/v1/"
NOWHERE = "http://127.0.0.1:9"
QUIET_S = 1.0  # how long a socket says nothing before it counts as open


@dataclass(frozen=True)
class Row:
    """One line of the table; `cells` says what each actor gets."""

    action: str
    route: str
    thing: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.action} {self.route} ({self.thing})"


def rows(*actions: str) -> list[Row]:
    """The table's rows for these actions; ANY counts as every method of HTTP."""
    lines = [line.split() for line in TABLE.read_text().splitlines()]
    found = []
    for action, route, thing, *cells in (line for line in lines if line and line[0] != "#"):
        if len(cells) != len(ACTORS):
            raise ValueError(f"{action} {route} {thing} needs {len(ACTORS)} cells.")
        each = METHODS if action == "ANY" else [action]
        found += [Row(one, route, thing, tuple(cells)) for one in each if one in actions]
    return found


def routes_in(patterns, before: str = "/") -> Iterator[str]:
    """Every route below these, without the types of its parts: /workspaces/<pk>/."""
    for each in patterns:
        route = before + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from routes_in(each.url_patterns, route)
        else:
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", route)


def path_to(route: str, thing: object = None) -> str:
    pk = str(thing.pk if thing else uuid4())
    parts = {"pk": pk, "id": pk, "name": "dolly", "cluster_id": cast.CLUSTER}
    parts |= {"member": "bob", "number": "1", "position": "0", "scope": "llm", "key": "openai"}
    return re.sub(r"<(\w+)>", lambda part: parts[part[1]], route)


class MatrixTestCase(WebTestCase):
    """Alice's workspace is a real one on loopback; only she has a credential for it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.there = cls.enterClassContext(cast.make_there())
        cls.enterClassContext(cast.reaching(cls.there))
        super().setUpClass()

    @classmethod
    def setUpTestData(cls) -> None:
        cls.people = cast.make_people()
        alice = cls.people["owner"]
        cls.things = cast.make_things(alice, cls.there.origin, cast.ALICE_THERE)
        cls.tokens = {
            name: ApiToken.make(user, "test")[1] if user else "pp_of-nobody"
            for name, user in cls.people.items()
        }
        cls.cookies = {name: signed_in(user) for name, user in cls.people.items()}

    def ask(self, row: Row, who: str, door: str = "session", thing=None) -> HttpResponse:
        """What this person is answered; what it changed is taken back."""
        thing = thing or getattr(self.things, row.thing, None)
        path = path_to(row.route, thing) + cast.query(row.route, thing, self.things)
        data, kind = cast.body(row.action, row.route, thing, self.things), "application/json"
        if row.route.startswith(API):
            data = json.dumps(data) if data else ""
        else:
            data, kind = urlencode(data), "application/x-www-form-urlencoded"
        parts = ("/parameters/", "/preview/", "/raw/", "/markdown/", "/diff/")
        is_part = row.route.endswith(parts)
        headers = {"HX-Request": "true"} if is_part or row.route == "/find/" else {}
        if door == "token":
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        client = Client()
        if door == "session":
            client.cookies.update(self.cookies[who])
        cast.restock(self.there)
        with transaction.atomic():
            answer = client.generic(row.action, path, data, content_type=kind, headers=headers)
            transaction.set_rollback(True)
        return answer


class HttpMatrixTests(MatrixTestCase):
    def test_every_row_holds_and_nobody_reads_what_is_not_theirs(self) -> None:
        for row in rows(*METHODS):
            for door in ("session", "token") if row.route.startswith(API) else ("session",):
                with self.subTest(str(row), door=door):
                    answers = [self.ask(row, who, door) for who in ACTORS]
                    self.assertEqual(tuple(self.cell(row, each) for each in answers), row.cells)
                    for who, answer in zip(ACTORS, answers, strict=True):
                        self.assert_tells_nothing_foreign(who, answer)

    def test_every_route_has_a_row_and_every_method_without_one_answers_405(self) -> None:
        known = {(row.action, row.route) for row in rows(*METHODS)}
        self.client.force_login(self.people["owner"])
        for route in sorted(set(routes_in(get_resolver().url_patterns))):
            self.assertIn(route, {route for _, route in known}, "This route has no row.")
            for method in METHODS:
                with self.subTest(route=route, method=method):
                    if (method, route) not in known:
                        answer = self.client.generic(method, path_to(route))
                        self.assertEqual(answer.status_code, 405, "This method has no row.")

    def test_every_row_has_a_route(self) -> None:
        routes = set(routes_in(get_resolver().url_patterns))
        self.assertEqual({row.route for row in rows(*METHODS)} - routes, set())

    def test_an_api_token_opens_no_page(self) -> None:
        for row in rows("GET"):
            if not row.route.startswith(API):
                with self.subTest(str(row)):
                    answer = self.ask(row, "owner", "token")
                    self.assertEqual(self.cell(row, answer), row.cells[ACTORS.index("anon")])

    def test_an_address_of_the_api_that_does_not_exist_is_a_404_for_everybody(self) -> None:
        nowhere = Row("GET", f"{API}nowhere", "-", ("404",) * len(ACTORS))
        for who in ACTORS:
            self.assertEqual(self.ask(nowhere, who, "token").status_code, 404)

    def cell(self, row: Row, answer: HttpResponse) -> str:
        if answer.get("Location", "").startswith("/login/?next="):
            return "in"
        return f"{answer.status_code}{'+' if row.thing in named_in(words_of(answer)) else ''}"

    def assert_tells_nothing_foreign(self, who: str, answer: HttpResponse) -> None:
        sees = {"owner": set(MARKS)} | dict.fromkeys(("viewer", "member"), cast.TEAM_SEES)
        sees["admin"] = cast.ADMINS_SEE
        said = words_of(answer) + str(answer.headers)
        self.assertEqual(named_in(said) - sees.get(who, set()), set(), f"{who} reads this")


class SameAsMissingTests(MatrixTestCase):
    """What is not yours answers as what does not exist does: status, headers and body."""

    def test_wherever_somebody_is_told_404_it_is_the_404_of_a_missing_row(self) -> None:
        seen = 0
        for row in rows(*METHODS):
            for who in ("other", "member", "root"):
                if row.thing == "-" or row.cells[ACTORS.index(who)] != "404":
                    continue
                thing = getattr(self.things, row.thing)
                missing = SimpleNamespace(pk=uuid4(), name=thing, host=NOWHERE)
                with self.subTest(str(row), who=who):
                    self.assertEqual(
                        self.told(row, who, thing), self.told(row, who, missing), "tells them apart"
                    )
                    seen += 1
        self.assertGreater(seen, 200)

    def told(self, row: Row, who: str, thing) -> tuple:
        answer = self.ask(row, who, thing=thing)
        headers = dict(answer.headers)
        headers.pop("Session-End", None)  # the asker's own, which counts down
        return answer.status_code, headers, plain(answer.content.decode())


class SocketMatrixTests(TransactionTestCase):
    """A transaction would hide the rows from the threads that follow a run."""

    def setUp(self) -> None:
        self.people = cast.make_people()
        self.things = cast.make_things(self.people["owner"], NOWHERE)

    async def test_every_row_holds(self) -> None:
        for row in rows(*SOCKET_ACTIONS):
            with self.subTest(str(row)):
                cells = [await self.cell(row, who) for who in ACTORS]
                self.assertEqual(tuple(cells), row.cells)

    def test_every_socket_has_its_rows_and_every_row_a_socket(self) -> None:
        sockets = set(routes_in(asgi.sockets.routes))
        listed = {(row.route, row.action) for row in rows(*SOCKET_ACTIONS)}
        self.assertEqual(listed, {(s, action) for s in sockets for action in SOCKET_ACTIONS})

    async def test_a_run_of_somebody_else_closes_as_one_that_does_not_exist_does(self) -> None:
        for row in rows("OPEN"):
            sees = {"member"} if row.thing in cast.TEAM_SEES else set()
            for who in {"other", "member", "root"} - sees:
                missing = await self.cell(row, who, SimpleNamespace(pk=uuid4()))
                self.assertEqual(await self.cell(row, who), missing)

    async def cell(self, row: Row, who: str, thing=None) -> str:
        thing = thing or getattr(self.things, row.thing)
        line = await self.connect(path_to(row.route, thing), who)
        self.assertEqual((await line.connect())[0], True)
        if row.action == "SAY":
            await line.send_to(text_data=json.dumps({"type": "stop", "call": "all"}))
        said = ""
        while not await line.receive_nothing(QUIET_S, 0.02):
            message = await line.receive_output()
            if message["type"] == "websocket.close":
                return f"{message['code']}{'+' if named_in(said) else ''}"
            said += message["text"]
        await line.disconnect()
        return "open"

    async def connect(self, path: str, who: str) -> WebsocketCommunicator:
        headers = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
        cookies = await sync_to_async(signed_in)(self.people[who])
        for name, cookie in cookies.items():
            headers.append((b"cookie", f"{name}={cookie.value}".encode()))
        return WebsocketCommunicator(asgi.application, path, headers)


def signed_in(user: User | None) -> SimpleCookie:
    """The cookies of this person's browser, also of one who was deactivated after signing in."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.cookies


def words_of(answer: HttpResponse) -> str:
    """The answer's text, with its markup and without: a long name may stand in two elements."""
    text = "" if answer.streaming else answer.content.decode(errors="replace")
    return text + "\n" + re.sub(r"<[^>]*>\s*", "", text)


def named_in(text: str) -> set[str]:
    return {thing for thing, mark in MARKS.items() if mark in text}
