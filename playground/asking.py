"""What a run asks: messages, or many texts to embed, judged and with their variables filled in."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from endpoints import Prompt

from .connecting import Refused, check_json
from .languages import written
from .models import Call, Endpoint

ROLES = ("system", "user", "assistant")  # what people choose from; programs know more
KNOWN_ROLES = (*ROLES, "developer", "tool", "function")
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class TooLarge(Exception):
    """The prompt is beyond the limit; the message says both sizes."""


@dataclass(frozen=True)
class Asked:
    """What is sent to every column: messages, or instead of them `inputs`, many texts to embed."""

    messages: list[dict]
    inputs: list[str] | None = None
    template: list[dict] | None = None  # the messages before variables were filled in

    def prompt(self, params: dict, stop: Sequence[str]) -> Prompt:
        return Prompt(tuple(self.messages), params, tuple(stop), tuple(self.inputs or ()))


def check_asked(
    messages: Sequence[Mapping],
    inputs: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Asked:
    """As it will be sent: without empty messages, variables filled in. Raises Refused, TooLarge."""
    check_json("variables", variables or {})
    if inputs is None:
        checked = check_messages(messages)
        filled = _filled(checked, variables or {})
        return Asked(filled, template=checked if filled != checked else None)
    return Asked([], _filled(check_inputs(inputs), variables or {}))


def prompt_of(call: Call) -> Prompt:
    """What a call sends: its turns and its run's prompt, its own parameters and stop sequences."""
    return Asked(call.messages, call.run.inputs).prompt(call.params, call.stop)


def check_takes(endpoint: Endpoint, asked: Asked) -> None:
    """Many inputs are for embeddings alone. Raises Refused."""
    if asked.inputs is not None and endpoint.task != Endpoint.Task.EMBEDDINGS:
        raise Refused(
            "prompt",
            gettext(
                "Many inputs go to embeddings endpoints only, and the task of “%(endpoint)s” "
                "is %(task)s. Send it one text in a run of its own."
            )
            % {"endpoint": endpoint, "task": endpoint.get_task_display().lower()},
        )


def check_inputs(inputs: Sequence[str]) -> list[str]:
    """Texts to embed, in order, none of them empty."""
    if not inputs:
        raise Refused("prompt", gettext("The prompt is empty. Write at least one text to embed."))
    if len(inputs) > settings.MAX_INPUTS:
        raise Refused(
            "prompt",
            gettext("That is %(number)s inputs in one run; at most %(most)s are allowed.")
            % {"number": len(inputs), "most": settings.MAX_INPUTS},
        )
    for number, text in enumerate(inputs, 1):
        if not isinstance(text, str) or not text.strip():
            raise Refused(
                "prompt",
                gettext("Input %(number)s is empty. Every input needs some text.")
                % {"number": number},
            )
    check_json("prompt", list(inputs))
    return list(inputs)


def check_messages(messages: Sequence[Mapping]) -> list[dict]:
    """Roles and contents, at least one of which says something.

    A content is a text or a list of parts, such as images; those, tool calls and every further key
    are kept untouched. A message without any content is left out.
    """
    if not messages:
        raise Refused("messages", gettext("Write a prompt: there is no message to send."))
    for number, message in enumerate(messages, 1):
        _check_message(number, message)
    kept = [dict(message) for message in messages if not _is_blank(message)]
    if not any(message["role"] != "system" for message in kept):
        raise Refused(
            "prompt", gettext("The prompt is empty. Write what the endpoints should answer.")
        )
    check_json("messages", kept)
    return kept


def _check_message(number: int, message: Mapping) -> None:
    role, content, calls = (message.get(key) for key in ("role", "content", "tool_calls"))
    if role not in KNOWN_ROLES:
        raise Refused(
            "messages",
            gettext("Message %(number)s needs a role: %(roles)s.")
            % {"number": number, "roles": ", ".join(KNOWN_ROLES)},
        )
    if calls is not None and not (isinstance(calls, list) and all(map(_is_tool_call, calls))):
        raise Refused(
            "messages",
            gettext(
                "The tool calls of message %(number)s are a list of objects, each with an id "
                "and a function that has a name and its arguments as JSON text."
            )
            % {"number": number},
        )
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise Refused(
            "messages",
            gettext("Message %(number)s answers a tool call: name its tool_call_id.")
            % {"number": number},
        )
    if content is None and calls:
        return
    if isinstance(content, list) and content and all(map(_is_part, content)):
        return
    if not isinstance(content, str):
        raise Refused(
            f"messages.{number - 1}.content",
            gettext("Message %(number)s needs a content: a text, or a list of typed parts.")
            % {"number": number},
        )


def _is_tool_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and all(
        isinstance(text, str)
        for text in (call.get("id"), function.get("name"), function.get("arguments"))
    )


def _is_part(part: Any) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return False
    return part["type"] != "text" or isinstance(part.get("text"), str)


def _is_blank(message: Mapping) -> bool:
    """A tool's answer may be empty and still be one."""
    content = message.get("content")
    is_text = isinstance(content, str) and message["role"] != "tool"
    return is_text and not content.strip() and not message.get("tool_calls")


# Variables ----------------------------------------------------------------------------------


def names_in(messages: Iterable[Mapping]) -> list[str]:
    """The names of all variables in these messages, each once, in the order in which they stand."""
    found = (VARIABLE.findall(text) for text in _texts_in(messages))
    return list(dict.fromkeys(name for names in found for name in names))


def _filled(asked: list, variables: Mapping[str, str]) -> list:
    """Replace {{name}} by its value in every text. A name without a value stays as it was typed.

    Raises TooLarge before anything large is built: a short prompt can name a long value often.
    """
    values = {name: str(value) for name, value in variables.items()}

    def value(match: re.Match) -> str:
        return values.get(match[1], match[0])

    size = 0
    for text in _texts_in(asked):
        for match in VARIABLE.finditer(text):
            size += len(value(match).encode()) - len(match[0].encode())
    size += sum(_size_of(each) for each in asked)
    _check_images(asked)
    if size > settings.MAX_PROMPT_BYTES:
        raise TooLarge(
            gettext(
                "The prompt is %(size)s KB long; at most %(most)s KB can be sent. Shorten it "
                "by %(excess)s KB."
            )
            % {
                "size": written(size / 1024),
                "most": settings.MAX_PROMPT_BYTES // 1024,
                "excess": written(math.ceil((size - settings.MAX_PROMPT_BYTES) / 1024)),
            }
        )
    return [_with_texts(each, lambda text: VARIABLE.sub(value, text)) for each in asked]


def _texts_in(asked: Iterable) -> list[str]:
    """Where variables stand: inputs, contents, and the text parts of a content."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    for each in asked:
        _with_texts(each, note)
    return found


def _with_texts(asked: str | dict, change: Callable[[str], str]) -> str | dict:
    """An input, a message or a part with its text changed; everything else stays as it is."""
    if isinstance(asked, str):
        return change(asked)
    if isinstance(asked.get("content"), str):
        return asked | {"content": change(asked["content"])}
    if isinstance(asked.get("content"), list):
        parts = [
            part | {"text": change(part["text"])} if part["type"] == "text" else part
            for part in asked["content"]
        ]
        return asked | {"content": parts}
    return asked


def size_of(asked: Asked) -> int:
    """All that is asked, in bytes of text."""
    return sum(_size_of(each) for each in (*asked.messages, *(asked.inputs or ())))


def _size_of(asked: str | dict) -> int:
    """In bytes: a plain message counts as its text, any other as its JSON."""
    if isinstance(asked, str):
        return len(asked.encode())
    if isinstance(asked.get("content"), str) and set(asked) == {"role", "content"}:
        return len(asked["content"].encode())
    images = sum(len(url) for url in _images_in([asked]))
    return len(json.dumps(asked, ensure_ascii=False).encode()) - images


def _check_images(asked: Iterable) -> None:
    """Images have a limit of their own, in bytes of the files."""
    size = sum(len(url) for url in _images_in(asked)) * 3 // 4
    if size > settings.MAX_IMAGE_BYTES:
        raise TooLarge(
            gettext(
                "The images have %(size)s KB together; at most %(most)s KB can be sent. "
                "That is %(excess)s KB too much: remove one, or shrink it."
            )
            % {
                "size": written(size / 1024),
                "most": written(settings.MAX_IMAGE_BYTES // 1024),
                "excess": written(math.ceil((size - settings.MAX_IMAGE_BYTES) / 1024)),
            }
        )


def _images_in(asked: Iterable) -> list[str]:
    """The data: URLs of images, as chat and as the Responses schema have them."""
    contents = (each.get("content") for each in asked if isinstance(each, dict))
    parts = [part for content in contents if isinstance(content, list) for part in content]
    urls = [part.get("image_url") for part in parts]
    urls = [url.get("url") if isinstance(url, dict) else url for url in urls]
    return [url for url in urls if isinstance(url, str) and url.startswith("data:")]
