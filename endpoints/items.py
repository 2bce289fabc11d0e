"""The items of a Responses agent: streamed piece by piece, done, or whole."""

from typing import Any, Protocol

from .events import Event
from .speaking import TEXT_PARTS, Call, Speaker, json_text, thought_in


class Hearer(Protocol):
    """Who the items tell what they say."""

    def speaker(self, index: Any = 0) -> Speaker: ...

    def note(self, value: dict[str, Any]) -> None: ...


class Items:
    def __init__(self, reader: Hearer) -> None:
        self._reader = reader
        self._heard: dict[tuple[str, Any], int] = {}  # what of an item was streamed, in letters
        self._calls: dict[Any, Call] = {}
        self.is_message_done = False

    def event(self, kind: str, value: dict[str, Any]) -> list[Event]:
        self.is_message_done = False
        speaker, item_id, delta = self._reader.speaker(), value.get("item_id"), value.get("delta")
        if isinstance(delta, str):
            if kind == "response.output_text.delta":
                return speaker.say(self._note("text", item_id, delta), ("item", item_id))
            if kind == "response.refusal.delta":
                return speaker.refuse(self._note("refusal", item_id, delta))
            if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
                turn = (item_id, value.get("summary_index"))
                return speaker.think(self._note("reasoning", item_id, delta), turn)
            if kind == "response.function_call_arguments.delta":
                return self._call(item_id, None, None, self._note("call", item_id, delta))
        item = value.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict):
            return self._added(item)
        if kind == "response.output_item.done" and isinstance(item, dict):
            return self._done(item, item.get("id"))
        if kind in ("response.completed", "response.incomplete"):
            return self._ended(value.get("response"))
        return []

    def whole(self, value: dict[str, Any]) -> list[Event]:
        self._reader.speaker().finish_reason = _reason_of(value)
        items = [item for item in value["output"] if isinstance(item, dict)]
        return [
            event
            for number, item in enumerate(items)
            for event in self._done(item, item.get("id") or number)
        ]

    def _added(self, item: dict[str, Any]) -> list[Event]:
        if item.get("type") != "function_call":
            return []
        arguments = item.get("arguments")
        text = self._note("call", item.get("id"), arguments if isinstance(arguments, str) else "")
        return self._call(item.get("id"), item.get("call_id"), item.get("name"), text)

    def _done(self, item: dict[str, Any], item_id: Any) -> list[Event]:
        """What of a whole item was not streamed before."""
        speaker, kind = self._reader.speaker(), item.get("type", "message")
        if kind == "message" and item.get("role", "assistant") == "assistant":
            self.is_message_done = True
            text, refusal = _said_in(item.get("content"))
            found = speaker.say(self._unheard("text", item_id, text), ("item", item_id))
            return found + speaker.refuse(self._unheard("refusal", item_id, refusal))
        if kind == "function_call":
            arguments = item.get("arguments")
            text = arguments if isinstance(arguments, str) else json_text(arguments)
            text = self._unheard("call", item_id, text)
            return self._call(item_id, item.get("call_id"), item.get("name"), text)
        if kind == "reasoning":
            return speaker.think(self._unheard("reasoning", item_id, thought_in(item)), (item_id,))
        return []

    def _ended(self, response: Any) -> list[Event]:
        response = response if isinstance(response, dict) else {}
        self._reader.note(response)
        speaker, found = self._reader.speaker(), []
        if not speaker.has_spoken and isinstance(response.get("output"), list):
            found = self.whole(response)
        speaker.finish_reason = _reason_of(response) or "completed"
        return found

    def _call(self, item_id: Any, call_id: Any, name: Any, arguments: str) -> list[Event]:
        known = self._calls.get(_key(item_id))
        call, found = self._reader.speaker().call(known, call_id, name, arguments)
        self._calls[_key(item_id)] = call
        return found

    def _note(self, what: str, item_id: Any, text: str) -> str:
        key = (what, _key(item_id))
        self._heard[key] = self._heard.get(key, 0) + len(text)
        return text

    def _unheard(self, what: str, item_id: Any, text: str) -> str:
        """The text without what was streamed of it, under its own id or one never heard again."""
        key = (what, _key(item_id))
        if key not in self._heard and what != "call":
            key = next((each for each in self._heard if each[0] == what), key)
        return text[self._heard.pop(key, 0) :]


def _key(item_id: Any) -> Any:
    return item_id if isinstance(item_id, str | int) else None


def _said_in(content: Any) -> tuple[str, str]:
    """Text and refusal of an item's content."""
    if isinstance(content, str):
        return content, ""
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    texts = [part.get("text") for part in parts if part.get("type", "text") in TEXT_PARTS]
    refusals = [part.get("refusal") for part in parts if part.get("type") == "refusal"]
    return tuple(
        "".join(each for each in said if isinstance(each, str)) for said in (texts, refusals)
    )


def _reason_of(response: dict[str, Any]) -> str | None:
    """Why a response ended: the reason it is incomplete, else its status, in its own words."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    status = reason if isinstance(reason, str) else response.get("status")
    return status if isinstance(status, str) else None
