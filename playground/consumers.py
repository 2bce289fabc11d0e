"""RunConsumer: what happens in a run -> columns and text on the page."""

import asyncio
import json
import logging
from contextlib import aclosing

from asgiref.sync import sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from django.template.loader import render_to_string
from django.utils import translation

from .access import get_visible, is_signed_in, visible_to
from .languages import language_for
from .limits import TooMany, hold_line
from .models import Call, Run
from .watching import Card, Delta, Doubt, Ended, Placed, Thought, database, watch_run

log = logging.getLogger(__name__)

ENDED, BROKEN, SIGNED_OUT, NO_SUCH_RUN, TOO_MANY = 1000, 1011, 4401, 4404, 4429
PART_CHARACTERS = 12_000  # at most 48 KB: a frame stays below what servers and proxies allow


class RunConsumer(AsyncWebsocketConsumer):
    """One socket for one run. The page only listens; what it wants, it asks for by POST."""

    telling: asyncio.Task | None = None

    async def dispatch(self, message: dict) -> None:
        try:
            await super().dispatch(message)
        except StopConsumer:
            raise
        except Exception:
            log.exception("A socket's %s failed.", message.get("type"))
            await self.close(BROKEN)

    async def connect(self) -> None:
        await self.accept()  # a refusal before this looks like a lost line, which is tried again
        run_id = self.scope["url_route"]["kwargs"]["pk"]
        if not self.scope["user"].is_authenticated:
            return await self.close(SIGNED_OUT)
        refusal = await sync_to_async(self._refusal)(run_id)
        if refusal:
            return await self.close(refusal)
        self.telling = asyncio.ensure_future(self._tell(run_id))

    async def disconnect(self, code: int) -> None:
        if self.telling:
            self.telling.cancel()

    async def receive(self, text_data=None, bytes_data=None) -> None:
        """Nothing a page sends here means anything."""

    def _refusal(self, run_id) -> int | None:
        """The code to close with when this person may not see this run, or not any more."""
        if not is_signed_in(self.scope["session"].session_key):
            return SIGNED_OUT
        try:
            get_visible(self.scope["user"], Run, run_id)
        except Http404:
            return NO_SUCH_RUN
        return None

    async def _tell(self, run_id) -> None:
        try:
            with hold_line(self.scope["user"].pk):
                code = await self._tell_until_over(run_id)
        except TooMany:
            code = TOO_MANY
        except Exception:
            log.exception("Following run %s failed; the page connects again.", run_id)
            code = BROKEN
        await self.close(code)

    async def _tell_until_over(self, run_id) -> int:
        # watch_run has a channel of its own: messages that went through this consumer's dispatch
        # would each cost a thread hop.
        person_id = self.scope["user"].pk
        watching = watch_run(run_id, with_thoughts=True, with_places=True, person_id=person_id)
        async with aclosing(watching) as events:
            async for event in events:
                if isinstance(event, Doubt):
                    refusal = await database.run(self._refusal, run_id)
                    if refusal:
                        return refusal
                else:
                    await self._show(event)
        return ENDED

    async def _show(self, event: Card | Delta | Thought | Placed | Ended) -> None:
        if isinstance(event, Card):
            html = await database.run(self._in_words, "runs/_call.html", {"call": event.call})
            await self._say(type="call", id=str(event.call.pk), html=html)
        elif isinstance(event, Delta):
            first = {"ttft_ms": event.ttft_ms} if event.ttft_ms is not None else {}
            await self._say(type="delta", id=event.call_id, text=event.text, **first)
        elif isinstance(event, Thought):
            await self._say(type="thought", id=event.call_id, text=event.text)
        elif isinstance(event, Placed):
            text = await database.run(self._in_words, "runs/_place.html", {"place": event.place})
            await self._say(type="place", id=event.call_id, text=text.strip())
        else:
            compared = await database.run(self._compared, event.run_id)
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

    def _compared(self, run_id: str) -> dict[str, str]:
        """How near the vectors of an ended run are to each other, where it has some."""
        user = self.scope["user"]
        if not visible_to(user, Call).filter(run=run_id, vectors__isnull=False).exists():
            return {}
        calls = get_visible(user, Run, run_id).current_calls()
        return {"similarity": self._in_words("runs/_similarity.html", {"calls": calls})}

    def _in_words(self, template: str, context: dict) -> str:
        """A fragment in the language of who looks on."""
        accepted = dict(self.scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        with translation.override(language_for(self.scope["user"], accepted)):
            return render_to_string(template, context)
