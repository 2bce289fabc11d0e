"""What a request asks of the model: its JSON body, read strictly, with words for each mistake."""

import json
from dataclasses import dataclass

DEFAULT_DELAY_MS = 120
DEFAULT_TEMPERATURE = 1.0
_MOST_STOPS = 32
_LONGEST_STOP = 1000


class InvalidRequest(ValueError):
    """The request cannot be answered; the message says what to send instead."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True)
class Ask:
    """One request. token_delay_ms and wants_stream are None where the body leaves them open."""

    prompt: str
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float = DEFAULT_TEMPERATURE
    seed: int = 0
    delay_ms: float = DEFAULT_DELAY_MS
    token_delay_ms: float | None = None
    wants_stream: bool | None = None


# Every parameter a body may name, also told by /info.
NAMES = (
    "prompt",
    "stop",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "delay_ms",
    "token_delay_ms",
    "stream",
)


def read_ask(body: bytes) -> Ask:
    """Read a request's body. An optional parameter that is null counts as not sent.

    top_p is taken and ignored: a comparison with real models sends it to every column, and the
    demo has no token probabilities to cut. Raises InvalidRequest.
    """
    fields = _read_object(body)
    _refuse_unknown(fields)
    _read_number(fields, "top_p", None, 1)  # known, and read by nobody
    return Ask(
        prompt=_read_prompt(fields),
        stop=_read_stop(fields),
        max_tokens=_read_whole_number(fields, "max_tokens", None, least=1),
        temperature=_read_number(fields, "temperature", DEFAULT_TEMPERATURE, 2),
        seed=_read_whole_number(fields, "seed", 0),
        delay_ms=_read_number(fields, "delay_ms", DEFAULT_DELAY_MS, 600_000),
        token_delay_ms=_read_number(fields, "token_delay_ms", None, 60_000),
        wants_stream=_read_stream(fields),
    )


def _read_object(body: bytes) -> dict:
    if not body.strip():
        raise InvalidRequest('Send a JSON object such as {"prompt": "How are you?"}.')
    try:
        fields = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except InvalidRequest:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            'The body is not JSON in UTF-8. Send an object such as {"prompt": "How are you?"}.'
        ) from error
    if not isinstance(fields, dict):
        raise InvalidRequest(
            'The body is not a JSON object. Send one such as {"prompt": "How are you?"}.'
        )
    return fields


def _refuse_constant(name: str) -> None:
    raise InvalidRequest(f"{name} is not JSON. Send ordinary numbers.")


def _refuse_unknown(fields: dict) -> None:
    unknown = sorted(set(fields) - set(NAMES))
    if unknown:
        listed = ", ".join(name[:40] for name in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InvalidRequest(
            f"Unknown parameters: {listed}{more}. The demo model takes {', '.join(NAMES)}.",
            unknown[0][:40],
        )


def _read_prompt(fields: dict) -> str:
    prompt = fields.get("prompt")
    if not isinstance(prompt, str):
        raise InvalidRequest('Send "prompt" as a string.', "prompt")
    return prompt


def _read_stop(fields: dict) -> tuple[str, ...]:
    stop = fields.get("stop")
    if stop is None:
        return ()
    if not isinstance(stop, list) or not all(isinstance(item, str) and item for item in stop):
        raise InvalidRequest(
            'Send "stop" as a list of strings that are not empty, such as ["."].', "stop"
        )
    if len(stop) > _MOST_STOPS or any(len(item) > _LONGEST_STOP for item in stop):
        raise InvalidRequest(
            f'Send at most {_MOST_STOPS} strings in "stop", '
            f"each of at most {_LONGEST_STOP} characters.",
            "stop",
        )
    return tuple(stop)


def _read_whole_number(
    fields: dict, name: str, default: int | None, least: int | None = None
) -> int | None:
    value = fields.get(name)
    if value is None:
        return default
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or (least is not None and value < least):
        bound = f", {least} or more" if least is not None else ""
        raise InvalidRequest(f'Send "{name}" as a whole number{bound}.', name)
    return value


def _read_number(fields: dict, name: str, default: float | None, most: int) -> float | None:
    value = fields.get(name)
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most:
        raise InvalidRequest(f'Send "{name}" as a number from 0 to {most}.', name)
    return value


def _read_stream(fields: dict) -> bool | None:
    wants_stream = fields.get("stream")
    if wants_stream is not None and not isinstance(wants_stream, bool):
        raise InvalidRequest('Send "stream" as true or false.', "stream")
    return wants_stream
