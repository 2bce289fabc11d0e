"""Lists as a page shows them: what is asked for in the address, in which order, in pages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

ROWS_A_PAGE = 100
MAX_WORDS = 200  # characters that are searched for


@dataclass(frozen=True)
class Column:
    """A column that sorts the list by what `order` says of a line."""

    name: str
    label: str
    order: Callable[[Any], Any]
    is_number: bool = False


@dataclass(frozen=True)
class Choice:
    """A filter: all, or those lines that fit one of a few values."""

    name: str
    label: str
    all_label: str
    options: Sequence[tuple[str, str]]
    fits: Callable[[Any, str], bool]


@dataclass(frozen=True)
class Header:
    """The head of a column: where it leads, and how the list is sorted by it now, if it is."""

    column: Column
    href: str
    direction: str  # of aria-sort; empty where the list is sorted by another column


class List:
    """What of `lines` an address asks for. What it asks for and nobody knows is passed over.

    Its filter is empty by default, its order the one of the first column.
    """

    def __init__(
        self,
        path: str,
        asked: QueryDict,
        lines: Iterable[Any],
        columns: Sequence[Column],
        choices: Sequence[Choice] = (),
        words_of: Callable[[Any], Iterable[str]] = lambda line: (),
    ):
        self.path, self.columns, self.choices = path, columns, choices
        self.words = asked.get("q", "").replace("\0", "").strip()[:MAX_WORDS]
        self.chosen = {each.name: _known(asked.get(each.name), each.options) for each in choices}
        self.sort = _known(asked.get("sort"), _orders(columns)) or columns[0].name
        self.every = list(lines)
        fitting = [line for line in self.every if self._fits(line, words_of)]
        self.count = len(fitting)
        paginator = Paginator(self._sorted(fitting), ROWS_A_PAGE)
        self.page = paginator.get_page(asked.get("page"))

    @property
    def lines(self) -> Sequence[Any]:
        return self.page.object_list

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or any(self.chosen.values()))

    @property
    def headers(self) -> list[Header]:
        return [self._header(column) for column in self.columns]

    @property
    def header_of(self) -> dict[str, Header]:
        return {header.column.name: header for header in self.headers}

    @property
    def orders(self) -> list[tuple[str, str]]:
        """Every order with its words, to choose from."""
        arrows = (("", "↑"), ("-", "↓"))
        return [(f"{s}{c.name}", f"{c.label} {arrow}") for c in self.columns for s, arrow in arrows]

    @property
    def filters(self) -> list[tuple[Choice, str]]:
        """Every choice with what is chosen."""
        return [(choice, self.chosen[choice.name]) for choice in self.choices]

    @property
    def sort_asked(self) -> str:
        """The order, where it is not the usual one."""
        return self.sort if self.sort != self.columns[0].name else ""

    @property
    def address(self) -> str:
        return self._href(page=self.page.number)

    @property
    def unfiltered(self) -> str:
        return _with_query(self.path, {"sort": self.sort_asked})

    @property
    def previous(self) -> str:
        return self._href(page=self.page.number - 1) if self.page.has_previous() else ""

    @property
    def next(self) -> str:
        return self._href(page=self.page.number + 1) if self.page.has_next() else ""

    def _fits(self, line: Any, words_of: Callable[[Any], Iterable[str]]) -> bool:
        if not all(choice.fits(line, chosen) for choice, chosen in self.filters if chosen):
            return False
        said = " ".join(words_of(line)).casefold() if self.words else ""
        return all(word in said for word in self.words.casefold().split())

    def _sorted(self, lines: list[Any]) -> list[Any]:
        name = self.sort.removeprefix("-")
        column = next(each for each in self.columns if each.name == name)
        return sorted(lines, key=column.order, reverse=self.sort != name)

    def _header(self, column: Column) -> Header:
        is_up, is_down = self.sort == column.name, self.sort == f"-{column.name}"
        href = self._href(sort=f"-{column.name}" if is_up else column.name)
        return Header(column, href, "ascending" if is_up else "descending" if is_down else "")

    def _href(self, sort: str | None = None, page: int = 1) -> str:
        """The address of this list, without what goes without saying."""
        sort = self.sort if sort is None else sort
        asked = {"q": self.words, **self.chosen}
        asked |= {"sort": "" if sort == self.columns[0].name else sort}
        return _with_query(self.path, asked | {"page": str(page) if page > 1 else ""})


def asked_before(request: HttpRequest) -> QueryDict:
    """What the page asked for that this request comes from, for the list that answers it."""
    try:
        return QueryDict(urlsplit(request.htmx.current_url or "").query)
    except ValueError:
        return QueryDict()


def answer_list(request: HttpRequest, page: str, part: str, context: dict) -> HttpResponse:
    """The page, or for htmx the list alone; the address bar then says what it shows."""
    response = render(request, part if request.htmx else page, context)
    if request.htmx:
        name = "HX-Replace-Url" if request.method == "POST" else "HX-Push-Url"
        response[name] = context["list"].address
    patch_vary_headers(response, ["HX-Request"])
    return response


def _orders(columns: Sequence[Column]) -> list[tuple[str, str]]:
    return [(sign + each.name, "") for each in columns for sign in ("", "-")]


def _known(value: str | None, options: Iterable[tuple[str, str]]) -> str:
    return value if value in dict(options) else ""


def _with_query(path: str, asked: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path
