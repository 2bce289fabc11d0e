"""Django's report of an exception, for when somebody turns one on: without what is secret in it."""

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from endpoints.credentials import Hidden
from endpoints.scrubbing import MASK, scrub_words

_SECRET_NAMES = "token|secret|pass|authorization|key|cred|api|auth|signature|cookie|database_url"


class SecretFilter(SafeExceptionReporterFilter):
    """Hides locals, settings and form fields that are a secret by their type or by their name."""

    cleansed_substitute = MASK
    hidden_settings = re.compile(_SECRET_NAMES, re.IGNORECASE)

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        if isinstance(value, Hidden | bytes):
            return MASK
        cleansed = super().cleanse_setting(key, value)
        return scrub_words(str(cleansed)) if isinstance(cleansed, str) else cleansed

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> list[tuple[str, Any]]:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleanse_setting(name, value)) for name, value in found]


class Reporter(ExceptionReporter):
    """The report as a whole is scrubbed once more: an exception's own words may hold anything."""

    def get_traceback_html(self) -> str:
        return scrub_words(super().get_traceback_html())

    def get_traceback_text(self) -> str:
        return scrub_words(super().get_traceback_text())
