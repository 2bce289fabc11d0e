"""RunConsumer: what happens in a run -> columns and text on the page."""

import asyncio
import json
import logging

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from django.template.loader import render_to_string

from .access import get_visible
from .models import Run
from .watching import Card, Delta, Ended, watch_run

log = logging.getLogger(__name__)

ENDED, BROKEN, SIGNED_OUT, NO_SUCH_RUN = 1000, 1011, 4401, 4404


class RunConsumer(AsyncWebsocketConsumer):
    """One socket for one run. The page only listens; what it wants, it asks for by POST."""

    telling: asyncio.Task | None = None

    async def connect(self) -> None:
        await self.accept()  # a refusal before this looks like a lost line, which is tried again
        user, run_id = self.scope["user"], self.scope["url_route"]["kwargs"]["pk"]
        if not user.is_authenticated:
            return await self.close(SIGNED_OUT)
        try:
            await sync_to_async(get_visible)(user, Run, run_id)
        except Http404:
            return await self.close(NO_SUCH_RUN)
        self.telling = asyncio.ensure_future(self._tell(run_id))

    async def disconnect(self, code: int) -> None:
        if self.telling is not None:
            self.telling.cancel()

    async def receive(self, text_data=None, bytes_data=None) -> None:
        """Nothing a page sends here means anything."""

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
            render = sync_to_async(render_to_string, thread_sensitive=False)
            html = await render("runs/_call.html", {"call": event.call})
            await self._say(type="call", id=str(event.call.pk), html=html)
        elif isinstance(event, Delta):
            first = {"ttft_ms": event.ttft_ms} if event.ttft_ms is not None else {}
            await self._say(type="delta", id=event.call_id, text=event.text, **first)
        else:
            await self._say(type="run", status="ended")

    async def _say(self, **message) -> None:
        await self.send(json.dumps(message, ensure_ascii=False))
