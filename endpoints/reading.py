"""From what an endpoint answers to events.

One reader serves every task, because endpoints answer in each other's shapes: a JSON string, an
object with a text or a list of such (driver apps, MLflow's scoring server asked directly),
`choices` (chat, completions, and apps that speak OpenAI), `predictions` (MLflow models), the items
of a Responses agent, the messages of a chat agent, and for a stream pieces of any of these. Unknown
payloads of a stream are passed over.
"""

from collections.abc import Iterable
from typing import Any

from .errors import BadResponse
from .events import Choice, Event, Usage
from .items import Items
from .scrubbing import Masking
from .speaking import Speaker, as_text

# Where apps and MLflow models put the text of an object; "0" is a column without a name.
TEXT_KEYS = ("text", "generated_text", "output_text", "output", "response", "content", "0")
MAX_CHOICES = 256


class Reader:
    """Hears one answer, piece by piece or whole, and remembers what it has said so far.

    `takes_bare` is for models that answer their prediction alone, whatever JSON it is. `masking`
    has the secrets that no text may hold; to be set before anything is heard.
    """

    def __init__(self, *, takes_bare: bool = False) -> None:
        self._takes_bare = takes_bare
        self.masking = Masking()
        self._spoken: dict[int, Speaker] = {}
        self._items = Items(self)
        self.usage: Usage | None = None
        self.custom_outputs: dict[str, Any] | None = None
        self.is_understood = False

    def piece(self, value: Any) -> list[Event]:
        """What one payload of a stream adds. Raises BadResponse."""
        try:
            return self._piece(value)
        except RecursionError:
            raise _too_deep() from None

    def whole(self, value: Any) -> list[Event]:
        """What a whole answer says. Raises BadResponse when nothing in it is known."""
        if isinstance(value, dict):
            self.note(value)
        self.is_understood = False  # a count of tokens alone is no answer
        try:
            found = self._whole(value)
        except RecursionError:
            raise _too_deep() from None
        if not self.is_understood:
            raise BadResponse("The answer is JSON, but holds no text where this task has it.")
        return found

    def rest(self) -> list[Event]:
        """What is left at the end: half a letter, or what could have become a secret."""
        return [event for speaker in self._spoken.values() for event in speaker.rest()]

    def choices(self) -> tuple[Choice, ...]:
        return tuple(self._spoken[index].choice() for index in sorted(self._spoken))

    @property
    def finish_reason(self) -> str | None:
        return self._spoken[0].finish_reason if 0 in self._spoken else None

    @property
    def is_ended(self) -> bool:
        """Whether every choice has said why it ended."""
        spoken = self._spoken.values()
        return bool(spoken) and all(speaker.finish_reason is not None for speaker in spoken)

    @property
    def is_between_items(self) -> bool:
        """Whether an agent's last word was that a message is done: it may end here."""
        return self._items.is_message_done

    @property
    def has_spoken(self) -> bool:
        return any(speaker.has_spoken for speaker in self._spoken.values())

    def speaker(self, index: Any = 0) -> Speaker:
        self.is_understood = True
        index = index if type(index) is int and index >= 0 else 0
        speaker = self._spoken.get(index)
        if speaker is None:
            if len(self._spoken) == MAX_CHOICES:
                raise BadResponse(f"The answer holds more than {MAX_CHOICES} choices.")
            speaker = self._spoken[index] = Speaker(index, self.masking)
        return speaker

    def _piece(self, value: Any) -> list[Event]:
        if isinstance(value, str):
            return self._say(value)
        if not isinstance(value, dict):
            return []
        self.note(value)
        choices = value.get("choices")
        if isinstance(choices, list):
            return self._choices(choices)
        kind = value.get("type")
        if isinstance(kind, str) and kind.startswith("response."):
            return self._items.event(kind, value)
        if isinstance(value.get("delta"), dict):
            return self._message(value["delta"])
        if _is_whole(value):
            # Agents that cannot stream give their whole answer as the only piece.
            return [] if self.has_spoken else self._whole(value)
        return self._say(value["text"]) if isinstance(value.get("text"), str) else []

    def _say(self, text: str) -> list[Event]:
        return self.speaker().say(text)

    def note(self, value: dict[str, Any]) -> None:
        """What a payload says beside its text."""
        usage = _counts(value.get("usage"))
        if usage is not None:
            self.usage = usage  # each count covers the whole call: the last one stands
            self.is_understood = True
        if isinstance(value.get("custom_outputs"), dict):
            self.custom_outputs = value["custom_outputs"]
        reason = value.get("finish_reason")
        if isinstance(reason, str):
            self.speaker().finish_reason = reason

    def _choices(self, choices: list[Any]) -> list[Event]:
        self.is_understood = True
        found: list[Event] = []
        for choice in choices:
            if isinstance(choice, dict):
                found += self.speaker(choice.get("index")).hear_choice(choice)
        return found

    def _message(self, message: dict[str, Any]) -> list[Event]:
        """A message of a chat agent, or a piece of one; those of its tools are not its answer."""
        self.is_understood = True
        if message.get("role", "assistant") != "assistant":
            return []
        return self.speaker().hear(message, turn=message.get("id"))

    def _whole(self, value: Any, index: int = 0) -> list[Event]:
        if isinstance(value, str):
            return self.speaker(index).say(value)
        if not isinstance(value, dict):
            is_said = self._takes_bare or _is_list_of_texts(value)
            return self._predictions(value) if is_said else []
        if value.get("choices") and isinstance(value["choices"], list):
            return self._choices(value["choices"])
        for key in ("predictions", "outputs"):
            if key in value:
                return self._predictions(value[key])
        if _is_items(value.get("output")):
            return self._items.whole(value)
        if isinstance(value.get("messages"), list):
            return self._messages(value["messages"])
        if (texts := _texts_in(value)) is not None:
            return self._say_all(texts)
        return self._predictions(value) if self._takes_bare else []

    def _messages(self, messages: list[Any]) -> list[Event]:
        found: list[Event] = []
        for number, message in enumerate(messages):
            if isinstance(message, dict):
                found += self._message({**message, "id": message.get("id") or number})
        return found

    def _predictions(self, predictions: Any) -> list[Event]:
        """Each prediction of a list is a choice; text as it is, anything else as its JSON."""
        if not isinstance(predictions, list):
            return self._prediction(predictions, 0)
        if not predictions:
            raise BadResponse("The endpoint answered an empty list of predictions.")
        if len(predictions) == 1:
            return self._prediction(predictions[0], 0)
        texts = [_texts_in(each) or [as_text(each)] for each in predictions]
        return self._say_all([each[0] for each in texts])

    def _prediction(self, value: Any, index: int) -> list[Event]:
        if isinstance(value, dict) and (_is_whole(value) or "choices" in value):
            self.note(value)
            if found := self._whole(value, index):
                return found
        return self._say_all(_texts_in(value) or [as_text(value)])

    def _say_all(self, texts: list[str]) -> list[Event]:
        found: list[Event] = []
        for index, text in enumerate(texts):
            found += self.speaker(index).say(text)
        return found


def read_usage(value: Any) -> Usage | None:
    """The counts beside an answer, if it has any."""
    return _counts(value.get("usage")) if isinstance(value, dict) else None


def summed(usages: list[Usage]) -> Usage:
    """The counts of several requests together; one that is unknown anywhere is unknown."""

    def total(counts: Iterable[int | None]) -> int | None:
        counts = list(counts)
        return None if None in counts else sum(counts)

    return Usage(
        total(usage.input_tokens for usage in usages),
        total(usage.output_tokens for usage in usages),
        total(usage.reasoning_tokens for usage in usages),
    )


def _is_whole(value: dict[str, Any]) -> bool:
    return (
        "predictions" in value
        or _is_items(value.get("output"))
        or isinstance(value.get("messages"), list)
    )


def _is_list_of_texts(value: Any) -> bool:
    """What MLflow's scoring server answers to a prompt that came without a format around it."""
    return isinstance(value, list) and bool(value) and all(_texts_in(each) for each in value)


def _is_items(output: Any) -> bool:
    """Whether these are the items of a Responses agent, and not the texts of another app."""
    return isinstance(output, list) and all(isinstance(item, dict) for item in output)


def _too_deep() -> BadResponse:
    return BadResponse("The answer is nested too deeply to be shown.")


def _texts_in(value: Any) -> list[str] | None:
    """The texts of one prediction or object, in the places that are known; None without any."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, dict):
        return None
    candidates = value.get("candidates")
    if isinstance(candidates, list) and candidates:
        texts = [each.get("text") if isinstance(each, dict) else each for each in candidates]
        return texts if all(isinstance(text, str) for text in texts) else None
    for key in TEXT_KEYS:
        text = value.get(key)
        if isinstance(text, str):
            return [text]
        if isinstance(text, list) and text and all(isinstance(each, str) for each in text):
            return text
    return None


def _counts(value: Any) -> Usage | None:
    """The counts under OpenAI's names or the shorter ones of agents and driver apps."""
    if not isinstance(value, dict):
        return None
    given = _count(value, "prompt_tokens", "input_tokens")
    made = _count(value, "completion_tokens", "output_tokens")
    details = value.get("completion_tokens_details") or value.get("output_tokens_details")
    thought = _count(details, "reasoning_tokens") if isinstance(details, dict) else None
    return None if given is None and made is None else Usage(given, made, thought)


def _count(value: dict[str, Any], *keys: str) -> int | None:
    for key in keys:
        number = value.get(key)
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return number
    return None
