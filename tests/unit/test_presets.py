"""The presets of the endpoint form: each does what its name says, in the sandbox."""

from django.test import SimpleTestCase

from endpoints import Template
from playground.forms.presets import PRESETS
from playground.models import Endpoint
from playground.sandbox import sandbox

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you?"}]
REQUESTS = {
    "chat": {"messages": MESSAGES, "max_tokens": 5, "temperature": 1},
    "completions": {"prompt": "How?", "temperature": 1},
    "custom": {"prompt": "How?", "stop": [], "temperature": 1},
    "responses": {"input": MESSAGES, "temperature": 1},
    "embeddings": {"input": ["a" * 9000, "b"]},
}
ANSWERS = {
    "chat": {"choices": [{"message": {"content": "<think>Hm.</think>\n\nWell."}}]},
    "completions": {"choices": [{"text": " Well.\n"}]},
    "custom": {"text": " Well."},
}


def source(field: str, label: str, task: str) -> str:
    return next(
        each.source for each in PRESETS[field] if each.label == label and task in each.tasks
    )


def made(label: str, task: str) -> dict:
    text = source("transform_input", label, task)
    return sandbox.call(text, "transform_input", REQUESTS[task], whose="test", spread=True).value


def read(label: str, task: str, answer=None) -> str:
    text = source("transform_output", label, task)
    answer = ANSWERS[task] if answer is None else answer
    return sandbox.call(text, "transform_output", answer, whose="test", spread=False).value


class PresetTests(SimpleTestCase):
    def test_every_function_runs_for_every_task_that_it_is_offered_for(self) -> None:
        for preset in PRESETS["transform_input"]:
            for task in preset.tasks:
                with self.subTest(str(preset.label), task=task):
                    self.assertIsInstance(made(preset.label, task), dict)
        for preset in PRESETS["transform_output"]:
            for task in preset.tasks:
                with self.subTest(str(preset.label), task=task):
                    self.assertIsInstance(read(preset.label, task), str)

    def test_the_functions_do_what_their_names_say(self) -> None:
        merged = made("System message into the first user message", "chat")["messages"]
        self.assertEqual(merged, [{"role": "user", "content": "Be brief.\n\nHow are you?"}])
        renamed = made("max_tokens as max_completion_tokens", "chat")
        self.assertEqual(renamed["max_completion_tokens"], 5)
        self.assertNotIn("max_tokens", renamed)
        self.assertNotIn("temperature", made("Without temperature", "responses"))
        self.assertEqual(
            made("A sentence after the prompt", "custom")["prompt"], "How?\nBe concise."
        )
        cut = made("Texts cut to 8,000 characters", "embeddings")["input"]
        self.assertEqual([len(text) for text in cut], [8000, 1])
        self.assertEqual(read("Without what it thought: <think> … </think>", "chat"), "Well.")
        self.assertEqual(read("Without blanks around it", "completions"), "Well.")
        self.assertEqual(read("One field of the answer", "custom"), " Well.")
        self.assertEqual(read("One field of the answer", "custom", "Hi"), "Hi")

    def test_the_templates_are_those_of_their_models(self) -> None:
        wanted = {
            "ChatML": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow are you?"
            "<|im_end|>\n<|im_start|>assistant\n",
            "Llama 3": "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "Mistral": "<s>[INST] Be brief.\n\nHow are you? [/INST]",
            "Instruction and response": "Be brief.\n\n### Instruction:\nHow are you?\n\n"
            "### Response:\n",
        }
        for preset in PRESETS["template"]:
            with self.subTest(str(preset.label)):
                self.assertEqual(
                    Template(preset.source).render(MESSAGES), wanted[str(preset.label)]
                )

    def test_every_task_but_agents_and_vectors_has_some_for_its_answer(self) -> None:
        offered = {task for preset in PRESETS["transform_output"] for task in preset.tasks}
        self.assertEqual(offered, {*Endpoint.Task} - {"responses", "embeddings"})
