"""Templates and functions to begin with, for the tasks that they are of use for."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from ..models import Endpoint

Task = Endpoint.Task


@dataclass(frozen=True)
class Preset:
    """A text for a field of the form; `label` says what it does."""

    label: str | Promise
    source: str
    tasks: tuple[str, ...]


PROMPTED = (Task.COMPLETIONS, Task.CUSTOM)
PRESETS = {
    "template": [
        Preset(
            "ChatML",
            "@any\n<|im_start|>{role}\n{content}<|im_end|>\n\n@end\n<|im_start|>assistant\n\n",
            PROMPTED,
        ),
        Preset(
            "Llama 3",
            "@any\n<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>\n"
            "@end\n<|start_header_id|>assistant<|end_header_id|>\n\n\n",
            PROMPTED,
        ),
        Preset("Mistral", "<s>[INST] {system}\n\n{content} [/INST]", PROMPTED),
        Preset(
            gettext_lazy("Instruction and response"),
            "{system}\n\n### Instruction:\n{content}\n\n### Response:\n",
            PROMPTED,
        ),
    ],
    "transform_input": [
        Preset(
            gettext_lazy("System message into the first user message"),
            "def transform_input(**request):\n"
            '    said = request["messages"]\n'
            '    system = [m["content"] for m in said if m["role"] == "system"]\n'
            '    rest = [m for m in said if m["role"] != "system"]\n'
            "    if system and rest:\n"
            '        rest[0]["content"] = "\\n\\n".join(system + [rest[0]["content"]])\n'
            '    request["messages"] = rest\n'
            "    return request",
            (Task.CHAT,),
        ),
        Preset(
            gettext_lazy("max_tokens as max_completion_tokens"),
            "def transform_input(**request):\n"
            '    if "max_tokens" in request:\n'
            '        request["max_completion_tokens"] = request.pop("max_tokens")\n'
            "    return request",
            (Task.CHAT,),
        ),
        Preset(
            gettext_lazy("Without temperature"),
            "def transform_input(**request):\n"
            '    request.pop("temperature", None)\n'
            "    return request",
            (Task.CHAT, Task.COMPLETIONS, Task.CUSTOM, Task.RESPONSES),
        ),
        Preset(
            gettext_lazy("A sentence after the prompt"),
            "def transform_input(**request):\n"
            '    request["prompt"] += "\\nBe concise."\n'
            "    return request",
            PROMPTED,
        ),
        Preset(
            gettext_lazy("Texts cut to 8,000 characters"),
            "def transform_input(**request):\n"
            '    request["input"] = [text[:8000] for text in request["input"]]\n'
            "    return request",
            (Task.EMBEDDINGS,),
        ),
    ],
    "transform_output": [
        Preset(
            gettext_lazy("Without what it thought: <think> … </think>"),
            "def transform_output(response):\n"
            '    text = response["choices"][0]["message"]["content"]\n'
            '    return text.rpartition("</think>")[2].strip()',
            (Task.CHAT,),
        ),
        Preset(
            gettext_lazy("Without blanks around it"),
            'def transform_output(response):\n    return response["choices"][0]["text"].strip()',
            (Task.COMPLETIONS,),
        ),
        Preset(
            gettext_lazy("Without blanks around it"),
            "def transform_output(response):\n    return str(response).strip()",
            (Task.CUSTOM,),
        ),
        Preset(
            gettext_lazy("One field of the answer"),
            "def transform_output(response):\n"
            '    return response["text"] if isinstance(response, dict) else str(response)',
            (Task.CUSTOM,),
        ),
    ],
}


def presets_for(field: str, task: str) -> list[Preset]:
    return [preset for preset in PRESETS[field] if task in preset.tasks]
