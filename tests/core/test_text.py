import unicodedata
from functools import partial
from typing import Annotated

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import AfterValidator, TypeAdapter, ValidationError

from app.core.text import TextRefused, bigrams, clean, fold, has_secrecy_mark, jaccard, query_tokens, search_tokens

anything = st.text(st.characters(exclude_categories=[]), max_size=60)
words = st.text(st.sampled_from("整改台账问题清单食堂AbZ09〔〕（）［］ ，。-·三公经费\n"), max_size=40)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("  食堂管理不规范　", "食堂管理不规范"),
        ("e\u0301cole", "\u00e9cole"),
        ("全角ＡＢＣ不变", "全角ＡＢＣ不变"),
        ("", ""),
        ("   ", ""),
        ("𠮷野", "𠮷野"),
    ],
)
def test_a_line_is_composed_and_stripped_but_otherwise_kept(given_text: str, kept: str) -> None:
    assert clean(given_text, max_length=20) == kept


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\x00b", "control_character"),
        ("a\x1fb", "control_character"),
        ("a\x7fb", "control_character"),
        ("a\x85b", "control_character"),
        ("a\x9f", "control_character"),
        ("\x1c前后", "control_character"),
        ("第一行\n第二行", "control_character"),
        ("列\t列", "control_character"),
        ("\ud800", "surrogate"),
        ("好\udfff", "surrogate"),
        ("一二三四五六", "too_long"),
        (" ", "too_short"),
    ],
)
def test_what_cannot_be_stored_in_a_line_is_refused_by_name(text: str, code: str) -> None:
    with pytest.raises(TextRefused) as caught:
        clean(text, max_length=5, min_length=1)
    assert caught.value.code == code
    assert text.strip() not in str(caught.value) or not text.strip()


def test_long_text_keeps_lines_and_tabs_and_one_kind_of_line_break() -> None:
    assert clean("一\r\n二\r三\n\t四", max_length=20, lines=True) == "一\n二\n三\n\t四"
    with pytest.raises(TextRefused):
        clean("一\x0b二", max_length=20, lines=True)


def test_length_counts_characters_after_cleaning() -> None:
    assert clean("  一二三四五  ", max_length=5) == "一二三四五"
    assert clean("e\u0301" * 5, max_length=5) == "\u00e9" * 5
    assert clean("一", max_length=5, min_length=1) == "一"


@given(anything, st.booleans())
def test_cleaned_text_is_storable_and_stays_as_it_is(text: str, lines: bool) -> None:
    try:
        cleaned = clean(text, max_length=60, lines=lines)
    except TextRefused:
        return
    cleaned.encode()
    assert "\x00" not in cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean(cleaned, max_length=60, lines=lines) == cleaned


def test_inside_a_model_a_refusal_is_an_ordinary_validation_error() -> None:
    name: TypeAdapter[str] = TypeAdapter(Annotated[str, AfterValidator(partial(clean, max_length=3))])
    assert name.validate_python(" 一二三 ") == "一二三"
    with pytest.raises(ValidationError, match="at most 3"):
        name.validate_python("一二三四")


@pytest.mark.parametrize(
    "text",
    [
        "秘密★10年",
        "机密★5年",
        "绝密★长期",
        "绝密★启用前",
        "请见附件（秘密★10年）第三页",
        "秘密 ★ 10 年",
        "秘 密　★　1 0 年",
        "机\u200b密\u200d★\ufeff5\u2060年",
        "秘密☆6个月",
        "秘密*10年",
        "秘密＊１０年",
        "机密 * 长期",
        "秘密★１０年",
        "秘密★十年",
        "秘密⭐\ufe0f3年",
        "機密★長期",
        "绝\u00ad密★30年",
        "秘密★10",
        "【机密】★三十年",
        "秘密\t★3年",
        "秘密★2030年12月31日",
        "前文\n绝密★20年\n后文",
    ],
)
def test_a_secrecy_mark_is_seen_through_every_disguise(text: str) -> None:
    assert has_secrecy_mark(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "加强保密工作",
        "保密★10年",
        "机密性要求",
        "商业秘密保护期10年",
        "泄露国家秘密",
        "属于机密级文件，期限10年",
        "秘密★",
        "星级★★★ 10年",
        "不得泄露国家秘密\n* 3个月内完成整改",
        "不得泄露国家秘密\n★ 3个月内完成整改",
        "**秘密**10年",
        "国家秘密*不得提前公开",
        "秘密*3处",
        "10年★秘密",
    ],
)
def test_ordinary_language_about_secrets_is_no_mark(text: str) -> None:
    assert not has_secrecy_mark(text)


@given(
    st.sampled_from(["绝密", "机密", "秘密"]),
    st.sampled_from("★☆*＊"),
    st.sampled_from(["10年", "长期", "六个月", "３０年"]),
    st.lists(
        st.sampled_from(["", " ", "\u3000", "\u200b", "\u200c", "\u200d", "\ufeff", "\u00a0", "\u2060"]), min_size=9
    ),
    words,
)
def test_a_mark_is_found_anywhere_and_however_it_is_spaced(
    level: str, star: str, term: str, gaps: list[str], around: str
) -> None:
    mark = "".join(char + gap for char, gap in zip(level + star + term, gaps, strict=False))
    assert has_secrecy_mark(around + mark + around)


@given(anything)
def test_looking_for_marks_never_fails_and_plain_ascii_never_matches(text: str) -> None:
    assume(not has_secrecy_mark(text))
    assert not has_secrecy_mark(text.encode("ascii", "ignore").decode())


def test_folding_unites_what_readers_take_for_the_same() -> None:
    assert fold("湘问〔2026〕0018号") == fold("湘问［２０２６］0018号") == fold("湘问(2026)0018号")
    assert fold("【通报】  ＡＢＣ\n１") == "(通报) abc 1"
    assert fold("整\u200b改") == "整改"


@given(anything)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_pairs_stay_within_words_and_numbers() -> None:
    assert bigrams("三公经费，A1") == {"三公", "公经", "经费", "a1"}
    assert bigrams("一，二") == set()
    assert bigrams("") == set()


def test_two_character_words_and_single_characters_are_found() -> None:
    tokens = set(search_tokens("三公经费超标"))
    assert set(query_tokens("经费")) <= tokens
    assert set(query_tokens("费")) <= tokens
    assert set(query_tokens("公费")).isdisjoint(tokens)
    assert set(query_tokens("票")).isdisjoint(tokens)


def test_a_number_is_found_by_its_parts_whatever_its_brackets() -> None:
    tokens = set(search_tokens("湘问〔2026〕0018号"))
    assert set(query_tokens("湘问(2026)0018")) <= tokens
    assert set(query_tokens("2026")) <= tokens
    assert not set(query_tokens("2027")) <= tokens


def test_a_query_without_letters_looks_for_nothing() -> None:
    assert query_tokens("，。 ！") == []
    assert query_tokens("a b") == []
    assert search_tokens("") == []


@given(words, st.data())
def test_any_part_of_a_text_finds_the_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    assert set(query_tokens(part)) <= set(search_tokens(text))


@given(anything)
def test_tokens_are_plain_hexadecimal_and_in_a_stable_order(text: str) -> None:
    tokens = search_tokens(text)
    assert all(set(token) <= set("0123456789abcdef") and len(token) % 4 == 0 for token in tokens)
    assert tokens == sorted(set(tokens))


def test_likeness_is_the_shared_part() -> None:
    assert jaccard({"一二", "二三"}, {"二三", "三四"}) == 1 / 3
    assert jaccard(bigrams("食堂管理不规范"), bigrams("食堂管理不规范。")) == 1.0
    assert jaccard({"一二"}, {"三四"}) == 0.0
    assert jaccard(set(), set()) == 0.0
    assert jaccard({"一二", "二三"}, {"一二"}) == 0.5


@given(st.sets(st.integers(0, 9).map(str)), st.sets(st.integers(0, 9).map(str)))
def test_likeness_is_mutual_and_between_none_and_all(left: set[str], right: set[str]) -> None:
    assert jaccard(left, right) == jaccard(right, left)
    assert 0 <= jaccard(left, right) <= 1
    assert (jaccard(left, right) == 1) == (left == right != set())
