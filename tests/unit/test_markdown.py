"""An answer's Markdown as HTML: what is kept, and that nothing else is."""

import unittest
from html.parser import HTMLParser

from playground.markdown import TAGS, closed_length, to_html

ATTRIBUTES = {"a": {"href", "target", "rel"}, "ol": {"start"}}


class Tags(HTMLParser):
    """Every tag with its attributes, as a parser sees them."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


class MarkdownTests(unittest.TestCase):
    def test_the_usual_markdown_is_read(self) -> None:
        for text, html in {
            "# Title": "<h1>Title</h1>",
            "*b* **c** ~~d~~": "<p><em>b</em> <strong>c</strong> <s>d</s></p>",
            "a `b`": "<p>a <code>b</code></p>",
            "- a\n- b": "<ul>\n<li>a</li>\n<li>b</li>\n</ul>",
            "3. a": '<ol start="3">\n<li>a</li>\n</ol>',
            "> a": "<blockquote>\n<p>a</p>\n</blockquote>",
            "```python\nx < 1\n```": "<pre><code>x &lt; 1\n</code></pre>",
            "a\n***\nb": "<p>a</p>\n<hr>\n<p>b</p>",
        }.items():
            with self.subTest(text):
                self.assertEqual(to_html(text).strip(), html)
        table = to_html("| a | b |\n|---|--:|\n| 1 | 2 |")
        self.assertIn("<td>2</td>", table)
        self.assertNotIn("style", table)

    def test_links_lead_out_and_tell_nothing(self) -> None:
        for text in ("[x](https://a.test/?b=c)", "<https://a.test/?b=c>"):
            ((tag, attributes),) = Tags(to_html(text)).found[1:]
            self.assertEqual(tag, "a")
            self.assertEqual(attributes["href"], "https://a.test/?b=c")
            self.assertEqual(attributes["rel"], "noopener noreferrer nofollow")
            self.assertEqual(attributes["target"], "_blank")
        self.assertIn('href="mailto:a@b.test"', to_html("<a@b.test>"))

    def test_other_schemes_and_our_own_addresses_are_no_links(self) -> None:
        for address in (
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java&#10;script:alert(1)",
            "&#106;avascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:x",
            "/account/",
            "//evil.test/",
            "account/",
            "#top",
            "?a=b",
            "ftp://a.test/",
            "tel:1",
        ):
            for text in (f"[x]({address})", f"[x](<{address}>)", f"[x]\n\n[x]: {address}"):
                with self.subTest(text):
                    hrefs = [a.get("href") for tag, a in Tags(to_html(text)).found if tag == "a"]
                    self.assertEqual([href for href in hrefs if href], [])

    def test_html_is_text(self) -> None:
        for html in (
            "<script>alert(1)</script>",
            "<b>x</b>",
            "a <i hx-get='/x'>b</i>",
            "<!-- x -->",
        ):
            self.assertNotRegex(to_html(html), r"<(?!/?p>)")
            self.assertIn("&lt;", to_html(html))

    def test_images_are_not_loaded(self) -> None:
        for text in ("![x](https://evil.test/x.png)", "![x][1]\n\n[1]: https://evil.test/x.png"):
            self.assertNotIn("<img", to_html(text))

    def test_only_known_tags_and_attributes_come_out_of_anything(self) -> None:
        text = "\n\n".join(
            f"<{tag} {attribute}=x>[a](http://a.test '{attribute}')"
            for tag in ("img", "svg", "math", "form", "style", "iframe", "template", "noscript")
            for attribute in ("onload", "style", "id", "class", "hx-get", "srcset", "formaction")
        )
        for tag, attributes in Tags(to_html(text)).found:
            self.assertIn(tag, TAGS)
            self.assertLessEqual(set(attributes), ATTRIBUTES.get(tag, set()))

    def test_bombs_do_not_explode(self) -> None:
        """As bytes of HTML; the time is what the limit of characters is for."""
        wide = "|" + "a|" * 2000 + "\n|" + "-|" * 2000 + "\n" + "|\n" * 20000
        for bomb in (
            ">" * 50_000,
            "[" * 50_000,
            "*" * 50_000,
            "- " * 25_000,
            wide,
            "![a](x)" * 7000,
        ):
            html = to_html(bomb[:50_000])
            self.assertLess(len(html), 1_000_000)
            self.assertLess(html.count("<"), 50_000)


GROWING = """# Title

Some *words*
on two lines
===

- one
- two

  still two

2
3) three

> a quote
goes on

| a | b |
|---|---|
| 1 | 2 |

```python
x = 1

# no heading
``
```
After 你好 😀.\r
\r
***
~~~
    ~~~
never closed
"""


class ClosedTests(unittest.TestCase):
    def test_what_is_closed_stays_as_it_is_whatever_comes(self) -> None:
        whole, seen = to_html(GROWING), set()
        for end in range(len(GROWING) + 1):
            closed = closed_length(GROWING[:end])
            self.assertLessEqual(closed, end)
            html = to_html(GROWING[:closed])
            self.assertTrue(whole.startswith(html), f"{GROWING[:end]!r}: {html!r}")
            seen.add(closed)
        self.assertGreater(len(seen), 8)  # and it does not wait for the end

    def test_from_one_closed_block_to_the_next_makes_the_same(self) -> None:
        at, parts = 0, []
        for end in range(len(GROWING) + 1):
            closed = closed_length(GROWING[at:end])
            if closed:
                parts.append(to_html(GROWING[at : at + closed]))
                at += closed
        parts.append(to_html(GROWING[at:]))
        self.assertEqual("".join(parts), to_html(GROWING))

    def test_each_kind_of_block_closes_as_soon_as_it_can(self) -> None:
        for text, closed in {
            "a": "",
            "a\n": "",
            "a\n\n": "a\n\n",
            "a\n\nb": "a\n\n",
            "# a\n": "# a\n",
            "- a\n\n": "",
            "- a\n\nb": "",  # it may become "b." or a link's address
            "- a\n\nb\n": "- a\n\n",
            "```\na\n\nb\n": "",
            "```\na\n```\n": "```\na\n```\n",
            "````\na\n```\n": "",
            "```\n    ```\n": "",
            "| a |\n|---|\n| b |\n": "",
            "| a |\n|---|\n| b |\n\n": "| a |\n|---|\n| b |\n\n",
            "": "",
            "\n\n": "",
        }.items():
            with self.subTest(text):
                self.assertEqual(text[: closed_length(text)], closed)
