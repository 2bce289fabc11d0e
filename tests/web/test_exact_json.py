"""What is sent is what was shown before, in every database: order of keys and form of numbers."""

import json

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import SimpleTestCase

from playground.models import Call, Endpoint, Run
from playground.models.fields import ExactJSONField
from playground.requesting import planned_call, request_of
from playground.running import Variant, retry_call, start_run
from tests.base import WebTestCase
from tests.make import make_endpoint

SCHEMA = {"type": "object", "properties": {"zeta": {}, "a": {}, "mid": {"b": 1, "a": 2}}}
NUMBERS = {"one": 1.0, "large": 1e22, "small": 1e-7, "minus": -0.0, "long": 12345678901234567890}


class ExactJSONTests(WebTestCase):
    def test_the_bytes_of_a_stored_call_are_those_of_its_preview(self) -> None:
        params = {"tools": [{"parameters": SCHEMA}], "temperature": 1.0, "b": None, "a": NUMBERS}
        made = make_endpoint(self.alice, task="chat", params=params)
        variant = Variant(made, {"response_format": {"z": SCHEMA, "a": 0.5}})
        messages = [{"role": "user", "content": "Hi", "zname": "n", "name": "q"}]
        planned = request_of(planned_call(self.alice, variant, messages))
        self.assertIn('"zeta": {}, "a": {}, "mid": {"b": 1, "a": 2}', planned.content.decode())
        again = Variant(Endpoint.objects.get(pk=made.pk), variant.params)
        run = start_run(self.alice, messages, [again, again])
        for call in Call.objects.filter(run=run):
            self.assertEqual(request_of(call).content, planned.content)
            call.request = dict(vars(planned))
            call.status = Call.Status.DONE
            call.save()
            self.assertEqual(request_of(Call.objects.get(pk=call.pk)).content, planned.content)
        retried = retry_call(self.alice, call)
        self.assertEqual(request_of(Call.objects.get(pk=retried.pk)).content, planned.content)

    def test_nothing_and_everything_is_stored(self) -> None:
        run = Run.objects.create(owner=self.alice, messages=[], fingerprint="")
        for value in (None, {}, [], 0, False, "", "a", "“ü😀”", [None, {"": [NUMBERS]}]):
            call = Call.objects.create(
                run=run,
                person=self.alice,
                position=0,
                attempt=Call.objects.count() + 1,
                config={},
                response=value,
            )
            read = Call.objects.get(pk=call.pk).response
            self.assertEqual(json.dumps(read), json.dumps(value))
        self.assertEqual(Call.objects.filter(response__isnull=True).count(), 1)


class ColumnTests(SimpleTestCase):
    def test_on_postgresql_it_is_text_that_is_kept_as_it_is(self) -> None:
        postgresql = DatabaseWrapper({**connection.settings_dict, "OPTIONS": {}}, "a")
        self.assertEqual(ExactJSONField().db_type(postgresql), "json")
        kept = ExactJSONField().get_db_prep_value(NUMBERS, postgresql)
        self.assertEqual(type(kept).__name__, "Json")
        exact = {
            f"{model.__name__}.{field.name}"
            for model in (Endpoint, Run, Call)
            for field in model._meta.fields
            if isinstance(field, ExactJSONField)
        }
        wire = {"Endpoint.params", "Run.messages", "Call.config", "Call.overrides"}
        self.assertLessEqual(wire | {"Call.request", "Call.response"}, exact)
