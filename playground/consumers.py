"""RunConsumer: what happens in a run -> columns and text on the page."""

import asyncio
import json
import logging

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from django.template.loader import render_to_string

from .access import get_visible, is_signed_in
from .models import Call, Run
from .watching import Card, Delta, Ended, database, watch_run

log = logging.getLogger(__name__)

ENDED, BROKEN, SIGNED_OUT, NO_SUCH_RUN = 1000, 1011, 4401, 4404
RECHECK_S = 10.0  # how often an open socket asks whether its person is still signed in
PART_CHARACTERS = 12_000  # at most 48 KB: a frame stays below what servers and proxies allow


class RunConsumer(AsyncWebsocketConsumer):
    """One socket for one run. The page only listens; what it wants, it asks for by POST."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tasks: list[asyncio.Task] = []

    async def connect(self) -> None:
        await self.accept()  # a refusal before this looks like a lost line, which is tried again
        user, run_id = self.scope["user"], self.scope["url_route"]["kwargs"]["pk"]
        if not user.is_authenticated:
            return await self.close(SIGNED_OUT)
        try:
            await sync_to_async(get_visible)(user, Run, run_id)
        except Http404:
            return await self.close(NO_SUCH_RUN)
        self.tasks = [asyncio.ensure_future(work) for work in (self._tell(run_id), self._guard())]

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()

    async def receive(self, text_data=None, bytes_data=None) -> None:
        """Nothing a page sends here means anything."""

    async def _guard(self) -> None:
        """Close the socket of somebody who signed out, elsewhere too, or was deactivated."""
        session_key = self.scope["session"].session_key
        while await database.run(is_signed_in, session_key):
            await asyncio.sleep(RECHECK_S)
        self.tasks[0].cancel()
        await self.close(SIGNED_OUT)

    async def _tell(self, run_id) -> None:
        # watch_run has a channel of its own: messages that went through this consumer's dispatch
        # would each cost a thread hop.
        try:
            async for event in watch_run(run_id):
                await self._show(event)
        except Exception:
            log.exception("Following run %s failed; the page connects again.", run_id)
            await self.close(BROKEN)
        else:
            await self.close(ENDED)

    async def _show(self, event: Card | Delta | Ended) -> None:
        if isinstance(event, Card):
            html = await database.run(render_to_string, "runs/_call.html", {"call": event.call})
            await self._say(type="call", id=str(event.call.pk), html=html)
        elif isinstance(event, Delta):
            first = {"ttft_ms": event.ttft_ms} if event.ttft_ms is not None else {}
            await self._say(type="delta", id=event.call_id, text=event.text, **first)
        else:
            compared = await database.run(_compared, event.run_id)
            await self._say(type="run", status="ended", **compared)

    async def _say(self, **message) -> None:
        """One message; a long one in parts, which the page joins."""
        text = json.dumps(message, ensure_ascii=False)
        if len(text) <= PART_CHARACTERS:
            return await self.send(text)
        for start in range(0, len(text), PART_CHARACTERS):
            part = {"type": "part", "text": text[start : start + PART_CHARACTERS]}
            part["last"] = start + PART_CHARACTERS >= len(text)
            await self.send(json.dumps(part, ensure_ascii=False))


def _compared(run_id: str) -> dict[str, str]:
    """How near the vectors of an ended run are to each other, where it has some."""
    if not Call.objects.filter(run=run_id, vectors__isnull=False).exists():
        return {}
    calls = Run.objects.get(pk=run_id).current_calls()
    return {"similarity": render_to_string("runs/_similarity.html", {"calls": calls})}
