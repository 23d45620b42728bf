"""One treatment for every text that comes in: cleaned, checked for secrecy marks, and cut into search tokens."""

import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

_SHOWN_CONTROLS = frozenset("\n\t")
_BRACKETS = str.maketrans(dict.fromkeys("〔[【〖{", "(") | dict.fromkeys("〕]】〗}", ")"))
_HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

# Categories that hide inside a word without being seen: format and combining characters, every kind of blank.
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Zs"})
_BLANK_LETTERS = frozenset("\t\u115f\u1160\u2800")

_NUMERAL = "[0-9零〇一二两三四五六七八九十百半壹贰貳叁參肆伍陆陸柒捌玖拾]+"
_EVENT = "(?:启用|启封|开封|使用|公布|公开|发布|实施|解密)前"
_BOUND = "(?:至|到|不超过|不少于|最长|最长不超过|自[^★☆]{1,20}?起)?"
_TERM = rf"(?:{_BOUND}{_NUMERAL}个?[年月日天周]|[长長]期|永久|{_EVENT})"
_STAR = "[★☆⭐✩✪✫✬✭✮✯✰✶⋆⭑⭒🌟]"
_SECRECY_MARK = re.compile(
    rf"(?:[绝絕]|[机機]|[秘祕])\n?密[)\]】〕」』]?(?:{_STAR}(?:{_TERM}|{_NUMERAL})|[*∗✱✲⁎﹡](?:{_TERM}))"
)


class TextRefused(ValueError):  # noqa: N818 - says what happened to the text
    """A text that cannot be stored; the message never repeats the text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clean(value: str, *, max_length: int, min_length: int = 0, lines: bool = False) -> str:
    """NFC without blanks around it; `lines` allows line breaks and tabs. Lengths count code points after cleaning.

    Raises TextRefused with code `surrogate`, `control_character`, `too_short` or `too_long`; being a ValueError it
    becomes an ordinary validation error inside a model.
    """
    if lines:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    allowed = _SHOWN_CONTROLS if lines else frozenset()
    for char in value:
        category = unicodedata.category(char)
        if category == "Cs":
            raise TextRefused("surrogate", "half a surrogate pair is not a character")
        if category == "Cc" and char not in allowed:
            raise TextRefused("control_character", "control characters are not allowed here")
    cleaned = unicodedata.normalize("NFC", value).strip()
    if len(cleaned) < min_length:
        raise TextRefused("too_short", f"at least {min_length} characters are needed")
    if len(cleaned) > max_length:
        raise TextRefused("too_long", f"at most {max_length} characters are allowed")
    return cleaned


def has_secrecy_mark(text: str) -> bool:
    """Whether a text carries 密级★期限, however it is spaced, widened or interleaved with invisible characters.

    The words alone (保密, 机密性) are ordinary language. A line break before the star makes it a list marker.
    """
    return _SECRECY_MARK.search(_visible(unicodedata.normalize("NFKC", text))) is not None


def fold(text: str) -> str:
    """The form in which texts are compared: NFKC, lower case, one kind of bracket, single blanks."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _without_format(text)).lower())
    return " ".join(folded.translate(_BRACKETS).split())


def bigrams(text: str) -> set[str]:
    """Neighbouring pairs of letters and digits of the folded text; punctuation and blanks separate."""
    return {run[start : start + 2] for run in _runs(text) for start in range(len(run) - 1)}


def search_tokens(text: str) -> list[str]:
    """What is indexed: every pair, and every single Han character; hexadecimal, so safe in any literal."""
    return _escaped({*bigrams(text), *_HAN.findall(fold(text))})


def query_tokens(query: str) -> list[str]:
    """What a query must find, all of it; empty when nothing in it can be looked up.

    For any part of a text these are among `search_tokens` of the text. Pairs do not prove that the words stand
    together, so a hit may be checked against the folded text.
    """
    alone = {run for run in _runs(query) if _HAN.fullmatch(run)}
    return _escaped(bigrams(query) | alone)


def jaccard(left: AbstractSet[str], right: AbstractSet[str]) -> float:
    """Shared part of two sets, 0 to 1; two empty sets share nothing."""
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def _visible(text: str) -> str:
    return "".join(char for char in text if char not in _BLANK_LETTERS and unicodedata.category(char) not in _UNSEEN)


def _without_format(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _runs(text: str) -> Iterator[str]:
    start, folded = 0, fold(text)
    for index, char in enumerate(folded):
        if not char.isalnum():
            if index > start:
                yield folded[start:index]
            start = index + 1
    if start < len(folded):
        yield folded[start:]


def _escaped(tokens: AbstractSet[str]) -> list[str]:
    # Four digits per UTF-16 unit keep tokens of different lengths apart.
    return sorted(token.encode("utf-16-be").hex() for token in tokens)
