"""A model's Markdown as HTML that cannot do anything: two independent steps, each enough.

The first makes HTML of Markdown without taking any HTML from it, and no images: the address of a
remote one could carry what was said away. The second lets only a short list of tags through,
whatever the first made.
"""

import re

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = frozenset(
    {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
)
DEEPEST = 20  # quotes and lists within each other
MOST_CELLS = 50_000  # a few characters can ask for a table of millions


_LINE_END = re.compile(r"\r\n?|\n")
_CLOSED_AT_ONCE = ("heading_open", "hr")
_CLOSED_BY_BLANK = ("paragraph_open", "blockquote_open", "table_open")


def _make_reader(*rules: str) -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": DEEPEST})
    return reader.enable(list(rules)).disable(["image", "html_block", "html_inline"])


_reader, _tableless = _make_reader("strikethrough", "table"), _make_reader("strikethrough")
_cleaner = nh3.Cleaner(
    tags=set(TAGS),
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",  # an answer does not know the addresses of this site
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def to_html(text: str) -> SafeString:
    """HTML of the tags above without any attribute but a link's own."""
    reader = _tableless if _cells(text) > MOST_CELLS else _reader
    return mark_safe(_cleaner.clean(reader.render(text)))  # noqa: S308 - nh3 made it


def closed_length(text: str) -> int:
    """How many characters, from the start, are blocks that no text to come can change.

    Of a text that is still growing. One exception: a link's address may be given at the very end.
    """
    text = text[: text.rfind("\n") + 1]  # of its last line nobody knows yet what it will be
    tops = [token for token in _reader.parse(text) if token.level == 0 and token.map]
    if not tops:
        return 0
    last, starts = tops[-1], [0, *(found.end() for found in _LINE_END.finditer(text))]
    ends_at = last.map[1]
    is_closed = last.type in _CLOSED_AT_ONCE or (
        last.type in _CLOSED_BY_BLANK and ends_at < len(starts) - 1
    )
    if last.type == "fence":
        closing = text[starts[ends_at - 1] : starts[ends_at]]
        is_closed = ends_at - last.map[0] > 1 and _is_fence(closing, last.markup)
    return len(text) if is_closed else starts[last.map[0]]


def _is_fence(line: str, opening: str) -> bool:
    signs = line.strip()
    is_code = line.startswith(("    ", "\t"))
    return not is_code and len(signs) >= len(opening) and not signs.strip(opening[0])


def _cells(text: str) -> int:
    """The cells of the largest table that these lines could be: rows take all columns of a head."""
    lines = text.split("\n")
    return len(lines) * max(line.count("|") for line in lines)
