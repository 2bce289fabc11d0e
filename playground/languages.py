"""In which language people are spoken to: the one they chose, else the one their browser asks for;
and in which language a text is, where its letters tell.

Whatever programs read stays English, so that it can be compared and searched for: the API, the
log, commands, and what is stored with a call. Workers and commands activate no language, and
`settings.LANGUAGE_CODE` is English; the API's paths are answered in it whoever asks.
"""

import re

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

# The letters of a script, and the language most often written in them. Of a script with several
# languages some letters are one language's own (_OWN_LETTERS).
_KANA = r"\u3041-\u309f\u30a1-\u30ff\uff66-\uff9f"
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_SCRIPTS = {
    "zh": _HAN,
    "ko": r"\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "ar": r"\u0620-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "he": r"\u05d0-\u05f2\ufb1d-\ufb4f",
    "ru": r"\u0400-\u04ff",
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "hi": r"\u0900-\u097f",
    "bn": r"\u0980-\u09ff",
    "ta": r"\u0b80-\u0bff",
    "te": r"\u0c00-\u0c7f",
    "th": r"\u0e00-\u0e7f",
    "ka": r"\u10a0-\u10ff",
    "hy": r"\u0531-\u058f",
    "km": r"\u1780-\u17ff",
    "am": r"\u1200-\u137f",
}
_OWN_LETTERS = {"ur": ("ar", "ٹڈڑںےھ"), "fa": ("ar", "پچژگکی"), "uk": ("ru", "ґєіїҐЄІЇ")}
_LETTER = re.compile(r"[^\W\d_]")
_LOOKED_AT = 4000  # characters: enough to tell, and as quick for the longest answer


def language_of(text: str) -> str:
    """The code of the language that more than half of its letters tell, or "".

    A guess from the script alone, for voices that read aloud and for fonts: nothing is said of
    Latin letters, which hundreds of languages share, nor of a mixture; Bulgarian passes as Russian
    and Marathi as Hindi. The beginning decides for the whole.
    """
    letters = "".join(_LETTER.findall(text[:_LOOKED_AT]))
    if letters.isascii():
        return ""

    def many(written: str) -> int:
        return len(re.findall(f"[{written}]", letters))

    kana = many(_KANA)
    if (kana + many(_HAN)) * 2 > len(letters) and kana * 10 > len(letters):
        return "ja"
    for language, written in _SCRIPTS.items():
        if many(written) * 2 > len(letters):
            owners = [own for own, (of, _) in _OWN_LETTERS.items() if of == language]
            own = [each for each in owners if many(_OWN_LETTERS[each][1]) * 50 > len(letters)]
            return own[0] if own else language
    return ""


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
