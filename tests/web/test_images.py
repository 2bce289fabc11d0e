"""Images of a message: kept by the server, seen by their owner, sent as a data: URL."""

import base64
from uuid import uuid4

from django.test import override_settings

from playground import attaching
from playground.models import Call, Draft, Image, Run
from playground.requesting import request_of
from tests.base import WebTestCase
from tests.make import make_endpoint, png

HTMX = {"HTTP_HX_REQUEST": "true"}


class ImageTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)

    def attach(self, data: bytes = png(), name: str = "photo.png"):
        return self.client.post(f"/images/?name={name}", data, content_type="image/png")

    def run_with(self, value: str, task: str = "chat", **fields):
        endpoint = make_endpoint(self.alice, name=task, task=task)
        form = {"role-1": "user", "message-1": "What is {{this}}?", "variable-this": "it"}
        form |= {"image-1": [value], "column": [f"0:{endpoint.pk}"], "idempotency_key": uuid4().hex}
        return self.client.post("/runs/start/", form | fields, **HTMX)

    def test_an_image_is_kept_and_told_in_words(self):
        answer = self.attach()
        image = Image.objects.get(owner=self.alice)
        self.assertEqual(answer.status_code, 201)
        words = "photo.png · PNG · 1 KB · 640 × 480"
        self.assertEqual(answer.json()["value"], f"{image.pk} {words}")
        shown = self.client.get(f"/images/{image.pk}/")
        self.assertEqual((shown.content, shown["Content-Type"]), (png(), "image/png"))
        self.assertEqual(shown["X-Content-Type-Options"], "nosniff")

    def test_what_is_no_image_is_refused_whatever_its_name(self):
        for data in (b"", b"<svg onload=alert(1)>", b"%PDF-1.7"):
            answer = self.attach(data, "photo.png")
            self.assertEqual(answer.status_code, 422)
            self.assertIn("“photo.png” is no image that models take", answer.json()["message"])
        self.assertEqual(self.client.post("/images/").status_code, 422)
        self.assertFalse(Image.objects.exists())

    @override_settings(MAX_IMAGE_BYTES=2048)
    def test_a_big_image_is_refused(self):
        self.assertContains(self.attach(png(bytes(4096))), "at most 2 KB", status_code=422)

    def test_a_name_is_only_a_name(self):
        for name, kept in (
            ("../../etc/passwd", "passwd"),
            ("a\tb", "ab"),
            ("x" * 99, "x" * 29 + "…"),
        ):
            self.assertTrue(attaching.attach(self.alice, name, png()).name.startswith(kept))

    def test_only_the_newest_are_kept(self):
        first = attaching.attach(self.alice, "first", png())
        for _ in range(attaching.KEPT):
            attaching.attach(self.alice, "more", png())
        self.assertEqual(Image.objects.filter(owner=self.alice).count(), attaching.KEPT)
        self.assertFalse(Image.objects.filter(pk=first.pk).exists())

    def test_the_draft_holds_it(self):
        value = self.attach().json()["value"]
        typed = {"role-1": "user", "message-1": "", "image-1": [value, "no-id x"]}
        self.client.post("/draft/", typed)
        self.assertEqual(len(Draft.objects.get(owner=self.alice).messages[0]["images"]), 1)
        self.assertContains(self.client.get("/"), f'name="image-1" value="{value}"')
        conflict = self.client.post("/draft/", {"saved_at": "2024-01-01T00:00:00Z"}).json()
        self.assertIn(["image-1", value], conflict["fields"])

    def test_it_is_sent_as_a_part_of_the_message(self):
        self.run_with(self.attach().json()["value"])
        url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        parts = [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        self.assertEqual(Run.objects.get().messages, [{"role": "user", "content": parts}])

    def test_an_agent_gets_it_in_its_own_form(self):
        self.run_with(self.attach().json()["value"], task="responses")
        (asked,) = request_of(Call.objects.get()).body["input"]
        self.assertEqual(asked["content"][0], {"type": "input_text", "text": "What is it?"})
        self.assertEqual(asked["content"][1]["type"], "input_image")
        self.assertTrue(asked["content"][1]["image_url"].startswith("data:image/png;base64,"))

    def test_an_image_alone_is_a_prompt(self):
        self.run_with(self.attach().json()["value"], **{"message-1": " "})
        (message,) = Run.objects.get().messages
        self.assertEqual([part["type"] for part in message["content"]], ["image_url"])

    def test_images_have_a_limit_together(self):
        values = [self.attach(png(bytes(700_000))).json()["value"] for _ in range(2)]
        self.run_with(values[0])
        self.assertEqual(Run.objects.count(), 1)
        Call.objects.all().delete()
        answer = self.run_with("", task="responses", **{"image-1": values})
        self.assertContains(answer, "1,367 KB together; at most 1,024 KB", status_code=422)

    def test_one_of_others_or_gone_is_refused(self):
        foreign = attaching.attach(self.charlie, "secret", png())
        answer = self.run_with(f"{foreign.pk} photo.png")
        self.assertContains(answer, "photo.png is not kept any more", status_code=422)

    def test_only_user_messages_carry_images(self):
        answer = self.run_with(self.attach().json()["value"], **{"role-1": "assistant"})
        self.assertContains(answer, "Only user messages carry images", status_code=422)
