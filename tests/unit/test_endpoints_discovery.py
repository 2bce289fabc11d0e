"""Task and readiness, from what a workspace says about an endpoint."""

import time
import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints.discovery import Field, detect_task, state_of
from tests.workspace import SEED_ENTITY, SEED_OPENAPI, ready_endpoint

EXTERNAL = {"external_model": {"provider": "openai", "name": "m", "task": "llm/v1/completions"}}
FOUNDATION = {"foundation_model": {"name": "llama", "display_name": "Llama"}}


def details(entity, **more):
    return ready_endpoint("a", entity, **more)


def body_schema(schema, **components):
    content = {"application/json": {"schema": schema}}
    post = {"requestBody": {"content": content}}
    return {"paths": {"/x": {"post": post}}, "components": {"schemas": components}}


class TaskTests(unittest.TestCase):
    def assert_found(self, given_details, task, format=None, basis=None, openapi=None):
        found = detect_task(given_details, openapi)
        self.assertEqual((found.task, found.format), (task, format))
        if basis:
            self.assertEqual(found.basis, basis)

    def test_every_known_task_word(self):
        for word, task, format in (
            ("llm/v1/chat", "chat", None),
            ("llm/v1/completions", "completions", None),
            ("llm/v1/embeddings", "embeddings", None),
            ("agent/v1/responses", "responses", "responses"),
            ("agent/v2/chat", "responses", "chat_agent"),
            ("agent/v1/chat", "chat", None),
            ("llama2/chat", "custom", "dataframe_records"),
        ):
            with self.subTest(word=word):
                self.assert_found(details(SEED_ENTITY, task=word), task, format, "task")

    def test_endpoint_type_comes_first_in_any_case(self):
        for kind in ("EXTERNAL_MODEL", "external_model"):
            self.assert_found(
                details(EXTERNAL, endpoint_type=kind, task="llm/v1/chat"), "completions"
            )
        self.assert_found(
            details(EXTERNAL, endpoint_type="FOUNDATION_MODEL_API", task="llm/v1/embeddings"),
            "embeddings", None, "task",
        )  # fmt: skip

    def test_then_the_kind_of_the_first_served_entity(self):
        self.assert_found(details(EXTERNAL), "completions", None, "external_model")
        self.assert_found(details(FOUNDATION), "chat", None, "foundation_model")
        self.assert_found(details(SEED_ENTITY), "custom", "dataframe_records", "entity")
        self.assert_found({"name": "a"}, "chat", None, "nothing")

    def test_an_old_key_and_an_endpoint_still_to_come(self):
        old = {"config": {"served_models": [SEED_ENTITY]}}
        self.assert_found(old, "custom", "dataframe_records")
        self.assert_found({"pending_config": {"served_entities": [EXTERNAL]}}, "completions")

    def test_foundation_models_that_embed_are_known_by_their_names(self):
        for name in ("databricks-bge-large-en", "databricks-gte-large-en", "My Embedder"):
            self.assert_found(details({"foundation_model": {"name": name}}), "embeddings")


class OpenApiTests(unittest.TestCase):
    def found(self, schema, **components):
        return detect_task(details(SEED_ENTITY), body_schema(schema, **components))

    def test_records_are_preferred_and_give_the_signature(self):
        found = detect_task(details(SEED_ENTITY), SEED_OPENAPI)
        self.assertEqual((found.task, found.format), ("custom", "dataframe_records"))
        self.assertEqual(
            found.signature, (Field("prompt", "string", True), Field("stop", "array", True))
        )
        self.assertTrue(found.takes_prompt)

    def test_other_formats_where_records_are_not_offered(self):
        item = {"type": "object", "properties": {"text": {"type": "string"}}}
        for format in ("inputs", "instances"):
            found = self.found({"properties": {format: {"type": "array", "items": item}}})
            self.assertEqual(
                (found.format, found.signature), (format, (Field("text", "string", False),))
            )
            self.assertFalse(found.takes_prompt)
        split = {"properties": {"columns": {}, "data": {}}}
        self.assertEqual(self.found({"properties": {"dataframe_split": split}}).signature, ())

    def test_references_are_followed_and_circles_end(self):
        record = {"properties": {"prompt": {"$ref": "#/components/schemas/Text"}}}
        found = self.found(
            {"$ref": "#/components/schemas/Body"},
            Body={"properties": {"dataframe_records": {"items": record}}},
            Text={"type": "string"},
        )
        self.assertEqual(found.signature, (Field("prompt", "string", False),))
        circle = {"$ref": "#/components/schemas/A"}
        self.assertEqual(self.found(circle, A=circle).basis, "entity")
        endless = {"anyOf": [{"$ref": "#/components/schemas/B"}]}
        self.assertEqual(self.found(endless, B=endless).basis, "entity")

    def test_schemas_that_name_each_other_many_times_are_read_once(self):
        chain = {
            f"S{n}": {"anyOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 3} for n in range(20)
        }
        started = time.monotonic()
        self.assertEqual(self.found(chain["S0"], **chain).basis, "entity")
        prompt = {"properties": {"dataframe_records": {}}}
        self.assertEqual(self.found(chain["S0"], **chain, S20=prompt).basis, "openapi")
        self.assertLess(time.monotonic() - started, 1)

    def test_models_with_a_chats_or_an_agents_own_body(self):
        for names, task, format in (
            (("messages", "temperature"), "chat", None),
            (("messages", "context", "custom_inputs"), "responses", "chat_agent"),
            (("input", "custom_inputs"), "responses", "responses"),
            (("input",), "embeddings", None),
        ):
            found = self.found({"properties": {name: {} for name in names}})
            self.assertEqual((found.task, found.format, found.basis), (task, format, "openapi"))


class StateTests(unittest.TestCase):
    def state(self, ready, update, deployment=None, message=None, **more):
        state = {"ready": ready, "config_update": update}
        inner = {"deployment": deployment, "deployment_state_message": message}
        entity = {**SEED_ENTITY, "state": inner}
        return state_of({"state": state, "config": {"served_entities": [entity]}, **more})

    def test_words_for_every_state(self):
        for given_state, is_ready, is_settled, words in (
            (("READY", "NOT_UPDATING"), True, True, "Ready."),
            (("READY", "IN_PROGRESS"), True, False, "Ready, being updated."),
            (("READY", "UPDATE_FAILED"), True, True, "Ready, but its last update failed."),
            (("READY", "UPDATE_CANCELED"), True, True, "Ready, but its last update was cancelled."),
            (("NOT_READY", "IN_PROGRESS"), False, False, "Being created."),
            (("NOT_READY", "UPDATE_FAILED"), False, True, "Its creation failed."),
            (("NOT_READY", "NOT_UPDATING"), False, False, "Not ready."),
            (("NOT_READY", "NOT_UPDATING", "DEPLOYMENT_FAILED"), False, True, "Failed."),
            (
                ("NOT_READY", "UPDATE_FAILED", "DEPLOYMENT_FAILED", "No such\nimage."),
                False, True, "Its creation failed: No such image.",
            ),
        ):  # fmt: skip
            with self.subTest(given_state=given_state):
                state = self.state(*given_state)
                self.assertEqual(tuple(vars(state).values()), (is_ready, is_settled, words))

    def test_one_that_is_only_pending_is_being_created(self):
        self.assertEqual(state_of({"pending_config": {}}).words, "Being created.")


KEYS = """task endpoint_type config pending_config served_entities external_model entity_name
foundation_model state ready paths post requestBody content application/json schema properties
items oneOf $ref dataframe_records required name /x"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()), each, max_size=4)
    ),
    max_leaves=30,
)


class FuzzTests(unittest.TestCase):
    @given(JSON, JSON)
    def test_no_shape_raises(self, some_details, document):
        self.assertTrue(detect_task(some_details, document).task)
        self.assertTrue(state_of(some_details).words)
