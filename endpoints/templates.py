"""The editable template that makes one text of messages, for models that take a `prompt`.

Two forms, both plain text with three names in braces and no logic; every other brace is text.

One text for the whole prompt: `{system}` stands for the system messages, `{content}` for the rest.

    ### Instruction:
    {system}

    {content}

    ### Response:

Or one section per role, each after a line of its own that names it. `{role}` and `{content}` are
those of the message, `@any` is for roles without a section, `@end` follows the last message unless
that is an answer begun. A section is its lines without the last line break; an empty line at its
end makes one.

    @system
    {content}

    @any
    {role}: {content}

    @end
    assistant:
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import BadRequest, PromptError

_NAME = re.compile(r"\{(system|role|content)\}")
_SECTION = re.compile(r"@([a-z]{1,32})[ \t]*")


class Template:
    """A template, read once. Raises PromptError, for the field `template`."""

    def __init__(self, source: str) -> None:
        if not isinstance(source, str):
            raise PromptError("template", "A template is a text.")
        self.source = source
        self._sections = _sections(source)
        takes_content = [text for role, text in self._sections.items() if role != "end"]
        if not any("{content}" in text for text in takes_content):
            raise PromptError(
                "template", "A template needs {content}, where the text of a message goes."
            )

    def render(self, messages: Iterable[Mapping[str, Any]]) -> str:
        """The prompt. Raises BadRequest for what is no text, or a role without a section."""
        messages = list(messages)
        if "" in self._sections:
            return self._as_one(messages)
        parts = [self._turn(message) for message in messages]
        if not messages or messages[-1]["role"] != "assistant":
            parts.append(self._sections.get("end", ""))
        return "".join(parts)

    def _as_one(self, messages: list[Mapping[str, Any]]) -> str:
        system = [text_of(message) for message in messages if message["role"] == "system"]
        rest = [message for message in messages if message["role"] != "system"]
        return _filled(self._sections[""], system="\n\n".join(system), content=render_text(rest))

    def _turn(self, message: Mapping[str, Any]) -> str:
        role = message["role"]
        section = self._sections.get("any") if role == "end" else self._sections.get(role)
        if section is None:
            section = self._sections.get("any")
        if section is None:
            raise BadRequest(
                f"The template has no section for the role “{role[:64]}”.",
                hint=f"Add a section @{role[:64]} or @any to the template, then run again.",
                field="template",
            )
        return _filled(section, role=role, content=text_of(message))


def render_text(messages: Iterable[Mapping[str, Any]], template: Template | None = None) -> str:
    """The messages as one text, by the template or the default way.

    By default, without an answer among them, the contents go verbatim, a blank line between two.
    With one, it is a conversation: system messages stay verbatim, the others are labelled `User:`
    and `Assistant:`, and an open `Assistant:` at the end asks for the next turn.

    Raises BadRequest when a message holds something that is no text.
    """
    messages = list(messages)
    if template is not None:
        return template.render(messages)
    if all(message["role"] != "assistant" for message in messages):
        return "\n\n".join(text_of(message) for message in messages)
    parts = [_labelled(message) for message in messages]
    if messages[-1]["role"] != "assistant":
        parts.append("Assistant:")
    return "\n\n".join(parts)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message. Raises BadRequest where there is more to it, such as an image."""
    content = message.get("content")
    if isinstance(content, str) and not message.get("tool_calls"):
        return content
    if isinstance(content, list) and not message.get("tool_calls"):
        texts = [_part_text(part) for part in content]
        if None not in texts:
            return "".join(texts)
    raise BadRequest(
        "This task takes text only, and the prompt holds something else.",
        hint="Remove images, files and tool calls from the messages, or choose the task “chat”.",
        field="messages",
    )


def _part_text(part: Any) -> str | None:
    if isinstance(part, dict) and part.get("type") in ("text", "input_text"):
        text = part.get("text")
        return text if isinstance(text, str) else None
    return None


def _labelled(message: Mapping[str, Any]) -> str:
    if message["role"] == "system":
        return text_of(message)
    return f"{message['role'].capitalize()}: {text_of(message)}"


def _sections(source: str) -> dict[str, str]:
    """Role to text; the one role `""` when no line names a section."""
    source = source.replace("\r\n", "\n")
    lines = source.removesuffix("\n").split("\n")
    if not any(_SECTION.fullmatch(line) for line in lines):
        return {"": source}
    found: dict[str, list[str]] = {}
    role = None
    for line in lines:
        if named := _SECTION.fullmatch(line):
            role = named[1]
            if role in found:
                raise PromptError("template", f"The template has two sections @{role}.")
            found[role] = []
        elif role is not None:
            found[role].append(line)
        elif line.strip():
            raise PromptError("template", "Text before the first @ line belongs to no role.")
    return {role: "\n".join(lines) for role, lines in found.items()}


def _filled(text: str, **values: str) -> str:
    """One pass, so that names in braces within a message stay as they are."""
    return _NAME.sub(lambda found: values.get(found[1], found[0]), text)
