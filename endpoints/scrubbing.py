"""Takes secrets out of what others said, before it is stored, logged, streamed or shown.

Two things are masked: the exact values of secrets, in every form in which programs repeat them, and
shapes that are a secret whoever it belongs to. An answer of a model loses only what cannot be
anything else (`_SHAPES`); words for people and logs lose more (`_WORDS`).

An upstream that wants to pass a secret on can always spell it in a way of its own. What is promised
is that one which repeats a secret, plainly or encoded as software does, gives nothing away.
"""

import base64
import html
import json
import logging
import re
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any, NoReturn, Protocol
from urllib.parse import quote

MASK = "••••••••"
LEAST = 8  # letters of a secret, and of a beginning of one that counts as a secret cut short
_ANCHOR = 4
_START, _LONG = 24, 16 * 1024

# Databricks' own tokens and OAuth secrets: no other text looks like them.
_SHAPES = re.compile(r"d(?:api|ose)[0-9a-f]{32}(?:-[0-9]{1,2})?")
_SHAPE_BEGUN = re.compile(r"d(?:api|ose)(?:[0-9a-f]{0,31}|[0-9a-f]{32}(?:-[0-9]?)?)")
_SHAPE_STARTS = ("dapi", "dose")
_LONGEST_SHAPE = 39

# What may be a secret where nobody has to read an example of one: in errors and in logs.
_WORDS = re.compile(
    rf"""{_SHAPES.pattern}
    | \bpp_[A-Za-z0-9_-]{{40,}}                                    # our own API tokens
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{{10,}}\.[A-Za-z0-9_-]{{10,}}(?:\.[A-Za-z0-9_-]*)?  # a JWT
    | (?P<scheme>\bBearer\s+)(?=\S*[0-9])[A-Za-z0-9._~+/=-]{{7,}}[A-Za-z0-9_~+/=-]
    | (?P<header>\bAuthorization["']?\s*[:=]\s*["']?(?:(?:Basic|Bearer)\s+)?)[^\s"',;]{{8,}}
    | (?P<name>\b(?:client_secret|refresh_token|access_token|id_token)
               (?:=|\\*["']\s*:\s*\\*["']))[^\s"'&\\]{{4,}}
    | (?P<login>://[^\s/:@]*:)[^\s/@]+(?=@)                        # a password in a URL
    """,
    re.VERBOSE | re.IGNORECASE,
)


# Forms of a secret --------------------------------------------------------------------------


def forms_of(secret: str) -> frozenset[str]:
    """The secret as it is and as software encodes it, alone or in the middle of something.

    Letter by letter, so that the forms of its first letters are the beginnings of its forms.
    """
    packed = set(_in_base64(secret)) | {secret.encode().hex(), secret.encode().hex().upper()}
    packed |= {quote(each, safe="") for each in packed}
    once = packed | {secret, *_in_json(secret), *_in_html(secret), *_in_urls(secret)}
    # What is text in JSON is escaped once more where JSON is text in JSON.
    return frozenset(once | {json.dumps(each, ensure_ascii=False)[1:-1] for each in once})


def _in_base64(secret: str) -> Iterator[str]:
    """The letters of base64 that the secret alone decides, wherever among three bytes it begins."""
    data = secret.encode()
    for before in range(3):
        packed = base64.b64encode(bytes(before) + data).decode()
        mine = packed[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
        yield mine
        yield mine.replace("+", "-").replace("/", "_")


def _in_urls(secret: str) -> Iterator[str]:
    every = "".join(f"%{byte:02X}" for byte in secret.encode())
    for each in (quote(secret, safe=""), quote(secret), quote(secret, safe="!'()*"), every):
        yield each
        yield _with_small_digits(each)


def _with_small_digits(percents: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), percents)


def _in_json(secret: str) -> Iterator[str]:
    written = json.dumps(secret, ensure_ascii=False)[1:-1]
    yield written
    yield json.dumps(secret)[1:-1]
    yield written.replace("/", "\\/")
    units = secret.encode("utf-16-be", "surrogatepass")
    for digits in ("04x", "04X"):
        # As Go and Django write it, fit for HTML; and every letter of it.
        yield re.sub("[<>&']", lambda found, as_=digits: f"\\u{ord(found[0]):{as_}}", written)
        yield "".join(
            f"\\u{int.from_bytes(units[at : at + 2]):{digits}}" for at in range(0, len(units), 2)
        )
    yield "".join(f"\\x{byte:02x}" for byte in secret.encode())


def _in_html(secret: str) -> Iterator[str]:
    written = html.escape(secret)
    yield written
    yield written.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield html.escape(secret, quote=False)
    yield "".join(f"&#{ord(letter)};" for letter in secret)
    yield "".join(f"&#x{ord(letter):x};" for letter in secret)
    yield "".join(f"&#x{ord(letter):X};" for letter in secret)


# Scrubbing ----------------------------------------------------------------------------------


class Scrubber:
    """Masks these secrets, in all their forms, and the shapes that are always one.

    A text that ends in eight letters or more of a secret's beginning loses them too: it was cut.
    """

    __slots__ = ("__dict__", "_secrets", "_suspect")

    def __init__(self, *secrets: str) -> None:
        # Shorter ones would mask words.
        self._secrets = [secret for secret in secrets if len(secret) >= LEAST]
        # Finds where one may begin; what it finds within a text always has _ANCHOR letters.
        self._suspect = _suspicion(frozenset(each[:_ANCHOR] for each in self._secrets)).search

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Scrubber cannot be pickled or copied: it knows the secrets")

    def scrub(self, text: str) -> str:
        """The whole text without the secrets."""
        return self.scan(text, is_whole=True)[0] if self.is_doubtful(text) else text

    def is_doubtful(self, text: str) -> bool:
        """Whether it has to be scanned; for most texts that is all there is to do."""
        return len(text) > _LONG or self._suspect(text) is not None

    def scan(self, text: str, *, is_whole: bool) -> tuple[str, str, tuple[int, int] | None]:
        """(clean text, what has to wait for more, where the first secret began and ended)

        What waits is the end that may yet become a secret; of a whole text nothing waits.
        """
        if len(text) > max(_LONG, 2 * self._longest) and self._is_clean_inside(text):
            at = len(text) - self._longest
            out, held, hit = self.scan(text[at:], is_whole=is_whole)
            if not held and hit is None:
                return text, "", None  # itself: a copy of megabytes would be kept beside it
            return text[:at] + out, held, hit and (at + hit[0], at + hit[1])
        out, done, first = [], 0, None
        found = self._suspect(text)
        while found:
            at, end = found.start(), 0
            is_certain = found.end() - at == _ANCHOR  # else it is the end of the text
            if not is_whole and (not is_certain or self._is_begun(text, at)):
                return "".join([*out, text[done:at]]), text[at:], first
            if is_certain and (end := self._end(text, at, is_whole)):
                out += (text[done:at], MASK)
                done = end
                first = first or (at, end)
            found = self._suspect(text, end or at + 1)
        return "".join([*out, text[done:]]) if out else text, "", first

    def _is_clean_inside(self, text: str) -> bool:
        """Whether no secret lies in it whole: a search for long words, several times as quick."""
        return not _SHAPES.search(text) and not any(start in text for start in self._starts)

    @cached_property
    def _starts(self) -> set[str]:
        return {form[:_START] for each in self._secrets for form in forms_of(each[:_START])}

    @cached_property
    def _forms(self) -> list[str]:
        """Longest first. Made when they are wanted, which for most answers is never."""
        forms = {form for secret in self._secrets for form in forms_of(secret)}
        return sorted(forms, key=len, reverse=True)

    @cached_property
    def _forms_by_start(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for form in self._forms:
            found.setdefault(form[:_ANCHOR], []).append(form)
        return found

    @cached_property
    def _longest(self) -> int:
        return max([_LONGEST_SHAPE, *map(len, self._forms[:1])])

    def _is_begun(self, text: str, at: int) -> bool:
        """Whether the text from there on could still become a secret, or a longer one."""
        if len(text) - at >= self._longest:
            return False
        tail = text[at:]
        return self._begins(tail) or _SHAPE_BEGUN.fullmatch(tail) is not None

    def _begins(self, tail: str) -> bool:
        like = self._forms_by_start.get(tail[:_ANCHOR], ())
        return any(len(form) > len(tail) and form.startswith(tail) for form in like)

    def _end(self, text: str, at: int, is_whole: bool) -> int:
        """Where the secret that begins there ends; 0 when none does."""
        if is_whole and LEAST <= len(text) - at < self._longest and self._begins(text[at:]):
            return len(text)
        like = self._forms_by_start.get(text[at : at + _ANCHOR], ())
        form = next((form for form in like if text.startswith(form, at)), "")
        shape = _SHAPES.match(text, at)
        return max(at + len(form) if form else 0, shape.end() if shape else 0)


@lru_cache(maxsize=64)
def _suspicion(beginnings: frozenset[str]) -> re.Pattern[str]:
    """Finds where a form of a secret may begin, and where a text ends as if one had begun.

    Made from the first letters alone, which most tokens have in common: so it is rarely made, and
    what stays of a secret that was forgotten is `dapi`.
    """
    starts = {form[:_ANCHOR] for beginning in beginnings for form in forms_of(beginning)}
    return re.compile(_trie(sorted(starts.union(_SHAPE_STARTS))))


def _trie(starts: list[str]) -> str:
    """A pattern for any of these beginnings, or as much of one as fits before the end."""
    branches = []
    for letter in dict.fromkeys(start[0] for start in starts):
        rest = [start[1:] for start in starts if start[0] == letter]
        branch = re.escape(letter)
        if "" not in rest:
            branch += rf"(?:{_trie(rest)}|\Z)"
        branches.append(branch)
    return "|".join(branches)


NO_SECRET = Scrubber()


class Masking:
    """The secrets of one answer that comes in pieces, and which pieces gave parts of one.

    `piece` is the number of the piece at hand. In `tainted` are those that hold a part of a secret
    which only several of them, joined, make visible.
    """

    def __init__(self, scrubber: Scrubber = NO_SECRET) -> None:
        self.scrubber = scrubber
        self.piece = 0
        self.tainted: set[int] = set()


class Hold:
    """A text that grows: every piece at once, except an end that may yet become a secret."""

    __slots__ = ("_held", "_is_doubtful", "_is_joined", "_masking", "_since", "_until")

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._is_doubtful = masking.scrubber.is_doubtful
        self._held = ""
        self._is_joined = False  # what is held came in more than one text
        self._since = self._until = 0  # the pieces in which what is held began and ended

    def add(self, text: str) -> str:
        """The clean text that can go out now, possibly empty."""
        if not text or not self._held and not self._is_doubtful(text):
            return text
        before = len(self._held)
        out, self._held, hit = self._masking.scrubber.scan(self._held + text, is_whole=False)
        if hit and hit[0] < before:
            self._taint(is_here_too=hit[1] > before)
        self._is_joined = len(self._held) > len(text)
        if not self._is_joined:
            self._since = self._masking.piece
        self._until = self._masking.piece
        return out

    def rest(self) -> str:
        """What was held back, at the end."""
        held, self._held = self._held, ""
        scrub = self._masking.scrubber.scrub
        out = scrub(held)
        if out != held:
            # One that was cut short is none in the middle of a piece, so the piece still has it.
            self._is_joined |= scrub(f"{held}\n") != f"{out}\n"
            self._taint(is_here_too=False)
        return out

    def _taint(self, *, is_here_too: bool) -> None:
        until = self._masking.piece if is_here_too else self._until
        if is_here_too or self._is_joined:
            self._masking.tainted.update(range(self._since, until + 1))


# Words and logs -----------------------------------------------------------------------------


class Secret(Protocol):
    """Something that knows how to take itself out of a text."""

    def scrub(self, text: str) -> str: ...


_in_use: dict[int, "weakref.ref[Secret]"] = {}


def note_in_use(secret: Secret) -> None:
    """Keep the secret out of words and logs for as long as anybody holds it, and not longer."""
    key = id(secret)
    _in_use[key] = weakref.ref(secret, lambda _: _in_use.pop(key, None))


def secrets_in_use() -> list[Secret]:
    """Every secret that this process holds in the open just now."""
    return [secret for ref in list(_in_use.values()) if (secret := ref()) is not None]


def scrub_words(text: str) -> str:
    """Words for people and logs, without the secrets in use and without what looks like one."""
    for secret in secrets_in_use():
        text = secret.scrub(text)
    return _WORDS.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    return (found["scheme"] or found["header"] or found["name"] or found["login"] or "") + MASK


def scrub_all(value: Any, scrub: Callable[[str], str] = scrub_words) -> Any:
    """The same for every text in a JSON value, keys too; None for one nested too deeply."""

    def scrubbed(value: Any) -> Any:
        if isinstance(value, str):
            return scrub(value)
        if isinstance(value, dict):
            return {scrubbed(key): scrubbed(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [scrubbed(each) for each in value]
        return value

    try:
        return scrubbed(value)
    except RecursionError:
        return None


class LogFilter(logging.Filter):
    """For every handler: message, arguments, traceback and whatever else a record carries."""

    _OWN = frozenset(vars(logging.makeLogRecord({})))
    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub_words(_message(record)), None
        if record.exc_info:
            if record.exc_info is not True and record.exc_info[0] and not record.exc_text:
                record.exc_text = self._formatter.formatException(record.exc_info)
            record.exc_info = None  # the exception itself still has the words
        for name in ("exc_text", "stack_info"):
            if isinstance(text := getattr(record, name, None), str):
                setattr(record, name, scrub_words(text))
        for name in vars(record).keys() - self._OWN:
            setattr(record, name, _extra(getattr(record, name)))
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a wrong number of arguments; logging itself would print them all
        return f"{record.msg} {record.args}"


def _extra(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, str | dict | list | tuple):
        return scrub_all(value)
    shown = repr(value)
    clean = scrub_words(shown)
    return value if clean == shown else clean


def cover(handlers: Iterable[logging.Handler]) -> None:
    """Put the filter on handlers that were made elsewhere, once."""
    for handler in handlers:
        if not any(isinstance(each, LogFilter) for each in handler.filters):
            handler.addFilter(LogFilter())
