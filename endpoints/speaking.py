"""One choice of an answer while it speaks: its text, its reasoning and its tool calls."""

import json
from typing import Any

from .answers import TextJoiner
from .errors import BadResponse
from .events import Choice, Event, Reasoning, Text, ToolCall
from .scrubbing import Hold, Masking

MAX_TOOL_CALLS = 1024
TEXT_PARTS = ("text", "output_text", "input_text")
BETWEEN = "\n\n"
_MANY = 512


class Growing:
    """A text that grows: its letters whole, its secrets masked, a blank line between two turns."""

    def __init__(self, masking: Masking) -> None:
        self._joiner = TextJoiner()
        self._hold = Hold(masking)
        self._pieces: list[str] = []
        self._joined: list[str] = []
        self._turn: Any = None
        self.is_empty = True

    def add(self, text: str, turn: Any = None) -> str:
        """The text that is whole now, possibly empty."""
        if turn is not None and text:
            if self._turn not in (None, turn) and not self.is_empty:
                text = BETWEEN + text
            self._turn = turn
        return self._keep(self._hold.add(self._joiner.add(text)))

    def rest(self) -> str:
        """What was held back until the end: half a letter, or what could have become a secret."""
        return self._keep(self._hold.add(self._joiner.rest()) + self._hold.rest())

    def _keep(self, text: str) -> str:
        if text:
            self.is_empty = False
            self._pieces.append(text)
            if len(self._pieces) == _MANY:  # a small string takes ten times its letters
                self._joined.append("".join(self._pieces))
                self._pieces.clear()
        return text

    def __str__(self) -> str:
        return "".join(self._joined + self._pieces)


class Call:
    """A tool call that grows."""

    def __init__(self, index: int, masking: Masking) -> None:
        self.index = index
        self.slot: int | None = None  # the endpoint's own number, which may be used twice
        self.id: str | None = None
        self.name: str | None = None
        self.arguments = Growing(masking)

    def as_dict(self) -> dict[str, str | None]:
        return {"id": self.id, "name": self.name, "arguments": str(self.arguments)}


class Speaker:
    """One choice while it speaks."""

    def __init__(self, index: int, masking: Masking | None = None) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self._masking = masking = masking or Masking()
        self._text, self._reasoning, self._refusal = (Growing(masking) for _ in range(3))
        self._calls: list[Call] = []
        self._has_content = False

    @property
    def has_spoken(self) -> bool:
        return bool(self._calls) or not self._text.is_empty

    def say(self, text: str, turn: Any = None) -> list[Event]:
        self._has_content = self._has_content or bool(text)
        text = self._text.add(text, turn)
        return [Text(text, self.index)] if text else []

    def think(self, text: str, turn: Any = None) -> list[Event]:
        text = self._reasoning.add(text, turn)
        return [Reasoning(text, self.index)] if text else []

    def refuse(self, text: str) -> list[Event]:
        self._refusal.add(text)
        if self._has_content:
            return []
        text = self._text.add(text)
        return [Text(text, self.index)] if text else []

    def hear_choice(self, choice: dict[str, Any]) -> list[Event]:
        """A choice of OpenAI's shape: a delta, a message, or the text of a completion."""
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reason = reason
        for key in ("delta", "message"):
            if isinstance(choice.get(key), dict):
                return self.hear(choice[key])
        text = choice.get("text")
        return self.say(text) if isinstance(text, str) else []

    def hear(self, message: dict[str, Any], turn: Any = None) -> list[Event]:
        """A message or a piece of one."""
        found: list[Event] = []
        for key in ("reasoning_content", "reasoning"):
            if isinstance(thought := message.get(key), str):
                found += self.think(thought, turn)
                break  # some servers send the same thought under both names
        content = message.get("content")
        if isinstance(content, str):
            found += self.say(content, turn)
        elif isinstance(content, list):
            for part in content:
                found += self._part(part, turn)
        if isinstance(refusal := message.get("refusal"), str):
            found += self.refuse(refusal)
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                found += self._tool_call(call)
        elif isinstance(message.get("function_call"), dict):
            found += self._tool_call({"index": 0, "function": message["function_call"]})
        return found

    def call(
        self, call: Call | None, id: Any, name: Any, arguments: Any
    ) -> tuple[Call, list[Event]]:
        """A piece of that call, None for a new one."""
        before = call and (call.id, call.name)
        if call is None:
            if len(self._calls) == MAX_TOOL_CALLS:
                raise BadResponse(f"The answer holds more than {MAX_TOOL_CALLS} tool calls.")
            call = Call(len(self._calls), self._masking)
            self._calls.append(call)
        if isinstance(id, str) and id and call.id is None:
            call.id = self._clean(id)
        if isinstance(name, str) and name and call.name is None:
            call.name = self._clean(name)
        text = call.arguments.add(arguments if isinstance(arguments, str) else json_text(arguments))
        if not text and before == (call.id, call.name):
            return call, []
        return call, [ToolCall(call.index, call.id, call.name, text, self.index)]

    def rest(self) -> list[Event]:
        found: list[Event] = []
        if text := self._reasoning.rest():
            found.append(Reasoning(text, self.index))
        self._refusal.rest()
        if text := self._text.rest():
            found.append(Text(text, self.index))
        for call in self._calls:
            if text := call.arguments.rest():
                found.append(ToolCall(call.index, call.id, call.name, text, self.index))
        return found

    def choice(self) -> Choice:
        return Choice(
            self.index,
            str(self._text),
            self._clean(self.finish_reason),
            str(self._reasoning),
            tuple(call.as_dict() for call in self._calls),
            str(self._refusal) or None,
        )

    def _part(self, part: Any, turn: Any) -> list[Event]:
        """A part of a content: text, a refusal, or reasoning with its summaries."""
        if isinstance(part, str):
            return self.say(part, turn)
        if not isinstance(part, dict):
            return []
        kind = part.get("type", "text")
        if kind in TEXT_PARTS:
            return self.say(part["text"], turn) if isinstance(part.get("text"), str) else []
        if kind == "refusal":
            return self.refuse(part["refusal"]) if isinstance(part.get("refusal"), str) else []
        return self.think(thought_in(part), turn) if kind in ("reasoning", "thinking") else []

    def _clean(self, word: Any) -> Any:
        """A word that comes whole, such as an id, without a secret in it."""
        return self._masking.scrubber.scrub(word) if isinstance(word, str) else word

    def _tool_call(self, value: Any) -> list[Event]:
        if not isinstance(value, dict):
            return []
        function = value.get("function")
        function = function if isinstance(function, dict) else {}
        slot, id = value.get("index"), value.get("id")
        id = self._clean(id)
        known = self._known_call(slot, id, function.get("name"))
        call, found = self.call(known, id, function.get("name"), function.get("arguments"))
        if known is None and type(slot) is int:
            call.slot = slot
        return found

    def _known_call(self, slot: Any, id: Any, name: Any) -> Call | None:
        """The call that a piece belongs to, by its index, its id, or as the one begun last."""
        if type(slot) is int:
            same = [call for call in self._calls if call.slot == slot]
            # Some servers give every call the index 0: then the ids tell them apart.
            return same[-1] if same and (not id or same[-1].id in (None, id)) else None
        if id:
            return next((call for call in self._calls if call.id == id), None)
        return self._calls[-1] if self._calls and not name else None


def thought_in(part: dict[str, Any]) -> str:
    """The text of a reasoning part or item: its own, or those of its summaries or contents."""
    for key in ("text", "thinking"):
        if isinstance(part.get(key), str):
            return part[key]
    for key in ("summary", "content"):
        inner = part.get(key)
        if isinstance(inner, str):
            return inner
        if isinstance(inner, list) and inner:
            texts = [each.get("text") for each in inner if isinstance(each, dict)]
            return BETWEEN.join(text for text in texts if isinstance(text, str))
    return ""


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_text(value: Any) -> str:
    """Arguments that came as an object instead of its text."""
    return "" if value is None else as_text(value)
