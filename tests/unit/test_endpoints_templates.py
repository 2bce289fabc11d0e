"""The template that makes one text of messages."""

import unittest

from endpoints import PromptError, Template, render_text
from endpoints.errors import BadRequest


def said(role, content):
    return {"role": role, "content": content}


CHATML = """@any
<|im_start|>{role}
{content}<|im_end|>

@end
<|im_start|>assistant

"""
TURNS = [
    said("system", "Be brief."),
    said("user", "Hi"),
    said("assistant", "Hello"),
    said("user", "Bye"),
]


class TemplateTests(unittest.TestCase):
    def test_one_text_for_the_whole_prompt(self):
        template = Template("### System: {system}\n### Instruction:\n{content}\n### Response:\n")
        self.assertEqual(
            template.render([said("system", "Be brief."), said("user", "Hi")]),
            "### System: Be brief.\n### Instruction:\nHi\n### Response:\n",
        )
        self.assertIn("User: Hi\n\nAssistant: Hello", template.render(TURNS))

    def test_one_section_per_role(self):
        self.assertEqual(
            Template(CHATML).render(TURNS),
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello<|im_end|>\n"
            "<|im_start|>user\nBye<|im_end|>\n"
            "<|im_start|>assistant\n",
        )

    def test_an_answer_begun_is_left_open(self):
        self.assertTrue(Template(CHATML).render(TURNS[:3]).endswith("Hello<|im_end|>\n"))

    def test_a_section_of_its_own_goes_before_any(self):
        template = Template("@system\n[{content}]\n@any\n({content})")
        self.assertEqual(template.render(TURNS[:2]), "[Be brief.](Hi)")

    def test_names_in_braces_within_a_message_stay(self):
        for text in ("{role} {content} {system}", "{x.__class__}", "{0!r:>10}", "{{content}}"):
            self.assertEqual(Template("<{content}>").render([said("user", text)]), f"<{text}>")
            template = Template("@any\n{role}: {content}")
            self.assertEqual(template.render([said("user", text)]), f"user: {text}")

    def test_other_braces_of_the_template_are_text(self):
        template = Template('{"q": "{content}", "x": {content.__class__}, "y": {name}}')
        self.assertEqual(
            template.render([said("user", "Hi")]),
            '{"q": "Hi", "x": {content.__class__}, "y": {name}}',
        )

    def test_what_is_no_template_is_explained(self):
        for source in ("", "no place", "@user\nx\n@end\n{content}", "@any\n{content}\n@any\nx", 5):
            with self.subTest(source=source), self.assertRaises(PromptError) as caught:
                Template(source)
            self.assertEqual(caught.exception.field, "template")
        with self.assertRaises(PromptError):
            Template("text before\n@any\n{content}")

    def test_a_role_without_a_section_is_a_bad_request(self):
        with self.assertRaises(BadRequest) as caught:
            Template("@user\n{content}").render(TURNS)
        self.assertEqual(caught.exception.field, "template")
        self.assertIn("system", caught.exception.message)


class RenderTextTests(unittest.TestCase):
    def test_one_user_message_is_verbatim(self):
        for text in ("How are you?", "  two\n\nlines \n", "你好吗？", ""):
            self.assertEqual(render_text([said("user", text)]), text)

    def test_system_and_user_are_joined_by_a_blank_line(self):
        self.assertEqual(
            render_text([said("system", "Be brief."), said("user", " Hi ")]), "Be brief.\n\n Hi "
        )

    def test_a_conversation_is_labelled_and_asks_for_the_next_turn(self):
        self.assertEqual(
            render_text(TURNS),
            "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:",
        )

    def test_an_answer_begun_is_left_open(self):
        turns = [said("user", "Hi"), said("assistant", "Hel")]
        self.assertEqual(render_text(turns), "User: Hi\n\nAssistant: Hel")

    def test_parts_of_text_are_joined_and_anything_else_is_refused(self):
        parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        self.assertEqual(render_text([said("user", parts)]), "ab")
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        call = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
        for message in (said("user", [*parts, image]), call):
            with self.subTest(message=message), self.assertRaises(BadRequest) as caught:
                render_text([message])
            self.assertEqual(caught.exception.field, "messages")
