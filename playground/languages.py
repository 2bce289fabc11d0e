"""In which language people are spoken to: the one they chose, else the one their browser asks for.

Whatever programs read stays English, so that it can be compared and searched for: the API, the
log, commands, and what is stored with a call. Workers and commands activate no language, and
`settings.LANGUAGE_CODE` is English; the API's paths are answered in it whoever asks.
"""

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header


def language_for(user, accepted: str) -> str:
    """The code of an offered language; `accepted` is the Accept-Language header."""
    chosen = getattr(user, "language", "")
    if is_offered(chosen):
        return chosen
    for code, _ in parse_accept_lang_header(accepted):
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def is_offered(code: str) -> bool:
    return code in dict(settings.LANGUAGES)


def written(number: float, digits: int = 0) -> str:
    """A number as the language of the page writes it: 1234.5 -> "1,234.5" or "1.234,5"."""
    return number_format(f"{number:.{digits}f}", digits, use_l10n=True, force_grouping=True)
