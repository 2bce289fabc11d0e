"""Whatever a prompt holds, its file makes an equal one."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from playground import importing, prompting
from playground.connecting import Refused
from tests.make import make_user

LETTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
TEXT = st.text(LETTERS, max_size=40)
NAMES = st.from_regex(r"[a-zé_][a-z0-9_]{0,8}", fullmatch=True)
WORDS = st.lists(TEXT | NAMES.map("{{{{ {} }}}}".format), min_size=1, max_size=4).map(" ".join)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(("system", "user", "assistant")), "content": WORDS}
)
PAIR = st.fixed_dictionaries({"user": st.just("in "), "assistant": WORDS.map("out {}".format)})
CHOICES = st.lists(TEXT.filter(str.strip), min_size=1, max_size=3, unique=True)
SPEC = st.one_of(
    TEXT.map(lambda text: {"type": "text", "default": text}),
    st.integers(-9, 9).map(lambda number: {"type": "number", "default": str(number)}),
    CHOICES.map(lambda some: {"type": "choice", "choices": some, "default": some[0]}),
)
SPECS = st.dictionaries(NAMES, SPEC, max_size=3).map(
    lambda specs: [{"name": name} | spec for name, spec in specs.items()]
)
CONTENT = st.fixed_dictionaries(
    {
        "messages": st.lists(MESSAGE, min_size=1, max_size=3).filter(
            lambda messages: any(each["content"].strip() for each in messages)
        ),
        "examples": st.lists(PAIR, max_size=2),
        "variables": SPECS,
        "params": st.sampled_from(({}, {"temperature": "0.5"}, {"top_p": "1", "max_tokens": "7"})),
        "stop": st.lists(st.sampled_from(("\\n", "END", " x")), max_size=2),
        "extra": st.sampled_from(("", '{"top_k": 3}')),
        "takes_lines": st.booleans(),
    }
)


class FilePropertyTests(TestCase):
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(CONTENT, min_size=1, max_size=3))
    def test_out_and_in_again_is_equal(self, contents: list[dict]) -> None:
        alice, bob = make_user("alice"), make_user("bob")
        prompt = prompting.save_prompt(alice, contents[0], name="one").prompt
        for content in contents[1:]:
            with suppress(Refused):  # the same again
                prompting.save_prompt(alice, content, prompt=prompt)
        prompting.set_alias(prompt, "production", 1)
        found = importing.prompt_as_file(prompt)
        text = json.dumps(found)
        copy = importing.import_prompt(bob, importing.read_file(text))
        self.assertEqual(plain(importing.prompt_as_file(copy)), plain(found))


def plain(found: dict) -> dict:
    """Without what an import makes anew: who and when."""
    for version in found["versions"]:
        del version["author"], version["created_at"]
    return found
