"""The event stream by itself: what keeps it open, and what ends it."""

import asyncio
from unittest import mock

from asgiref.sync import sync_to_async
from django.test import AsyncClient, TransactionTestCase

from playground import watching
from playground.api import event_stream
from playground.models import ApiToken
from tests.make import make_endpoint, make_run, make_user


class EventStreamTests(TransactionTestCase):
    """No worker runs here, so nothing happens to a queued call: the stream is quiet."""

    def setUp(self):
        self.alice = make_user("alice")
        self.run_ = make_run(self.alice, make_endpoint(self.alice))
        self.token, secret = ApiToken.make(self.alice, "test")
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.enterContext(mock.patch.object(event_stream, "KEEP_ALIVE_S", 0.01))
        self.enterContext(mock.patch.object(watching, "RECHECK_S", 0.05))

    async def test_a_quiet_line_is_kept_open(self):
        lines = await self.open()
        self.assertIn(b"event: call", await self.first_of(lines))
        self.assertEqual(await self.next_of(lines), b": keep-alive\n\n")
        self.assertEqual(await self.next_of(lines), b": keep-alive\n\n")
        await lines.aclose()

    async def test_a_revoked_token_ends_it(self):
        lines = await self.open()
        await self.first_of(lines)
        await self.token.adelete()
        await self.assert_ends(lines)

    async def test_an_account_that_is_switched_off_ends_it(self):
        lines = await self.open()
        await self.first_of(lines)
        self.alice.is_active = False
        await self.alice.asave()
        await self.assert_ends(lines)

    async def test_signing_out_ends_what_the_session_opened(self):
        client = AsyncClient()
        await client.aforce_login(self.alice)
        self.headers = {}
        lines = await self.open(client)
        await self.first_of(lines)
        self.assertEqual(await self.next_of(lines), b": keep-alive\n\n")
        await client.alogout()
        await self.assert_ends(lines)

    async def test_a_new_password_ends_what_the_old_one_opened(self):
        client = AsyncClient()
        await client.aforce_login(self.alice)
        self.headers = {}
        lines = await self.open(client)
        await self.first_of(lines)
        await sync_to_async(self.alice.set_password)("another-long-password")
        await self.alice.asave()
        await self.assert_ends(lines)

    async def open(self, client: AsyncClient | None = None):
        path = f"/api/v1/runs/{self.run_.pk}/events"
        response = await (client or AsyncClient()).get(path, headers=self.headers)
        self.assertEqual(response.status_code, 200)
        return aiter(response.streaming_content)

    async def next_of(self, lines) -> bytes:
        async with asyncio.timeout(5):
            return await anext(lines)

    async def first_of(self, lines) -> bytes:
        """The first event; a busy machine says something before it, to keep the line open."""
        while (line := await self.next_of(lines)) == b": keep-alive\n\n":
            pass
        return line

    async def assert_ends(self, lines) -> None:
        """Within a few keep-alives."""
        async with asyncio.timeout(5):
            async for line in lines:
                self.assertEqual(line, b": keep-alive\n\n")
