import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.trail.proof.notes import (
    BadSignature,
    NoKnownSignature,
    Note,
    Signature,
    VerifierKey,
    format_vkey,
    parse_note,
    parse_vkey,
    sign_note,
    verifier_key,
    verify_note,
)
from app.trail.proof.strict import Malformed, format_bytes, parse_bytes

# golang.org/x/mod/sumdb/note, its documentation and tests.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = parse_bytes("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# The example of c2sp.org/signed-note.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example at the head of c2sp.org/signed-note, whose key is not published.
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
# Keys that others publish: the Go checksum database, its test server, and one with a plus inside its base64.
PUBLISHED = (
    PETER,
    ENOCH,
    FOO,
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "localhost.localdev/sumdb+00000c67+AcTrnkbUA+TU4heY3hkjiSES/DSQniBqIeQ/YppAUtK6",
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = verifier_key("ledger.example/log", KEY.public_key())
FITTING = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in range(32) if code != 10])
TEXTS = st.text(FITTING).map(lambda text: f"{text}\n")
NAMES = st.text(FITTING.filter(lambda c: not c.isspace() and c != "+"), min_size=1)


def verified(note: str, *vkeys: str) -> list[str]:
    found = verify_note(parse_note(note.encode()), [parse_vkey(vkey) for vkey in vkeys])
    return [key.name for key in found]


def other_key_of_that_name() -> VerifierKey:
    return verifier_key(OURS.name, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())


def test_signing_gives_the_published_note_byte_for_byte() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    assert sign_note(TEXT, "PeterNeumann", key).decode() == f"{TEXT}\n{PETER_LINE}"
    assert format_vkey(verifier_key("PeterNeumann", key.public_key())) == PETER


def test_the_published_notes_verify() -> None:
    assert parse_note(FOO_NOTE.encode()).text == "This is an example message.\n"
    assert verified(FOO_NOTE, FOO) == ["example.com/foo"]
    assert verified(f"{TEXT}\n{PETER_LINE}", PETER) == ["PeterNeumann"]
    assert verified(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}", PETER, ENOCH) == ["PeterNeumann", "EnochRoot"]


def test_a_text_may_have_empty_lines_and_is_found_with_them() -> None:
    note = parse_note(POEM.encode())
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert [(line.name, len(line.signature)) for line in note.signatures] == [("quasimodo.example/salvatore", 64)]


def test_signatures_by_strangers_are_passed_over() -> None:
    assert verified(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}", PETER) == ["PeterNeumann"]
    assert verified(f"{TEXT}\n{ENOCH_LINE}{PETER_LINE}", PETER) == ["PeterNeumann"]


def test_a_note_by_strangers_only_is_nobodys() -> None:
    for known in ((), (FOO,), (FOO, ENOCH)):
        with pytest.raises(NoKnownSignature):
            verified(f"{TEXT}\n{PETER_LINE}", *known)


def test_the_right_name_with_another_key_is_a_stranger() -> None:
    note = parse_note(sign_note("a\n", OURS.name, KEY))
    with pytest.raises(NoKnownSignature):
        verify_note(note, [other_key_of_that_name()])
    assert verify_note(note, [other_key_of_that_name(), OURS]) == [OURS]


def test_the_right_key_id_under_another_name_is_a_stranger() -> None:
    renamed = f"{TEXT}\n{PETER_LINE}".replace("PeterNeumann", "CarmenSandiego")
    with pytest.raises(NoKnownSignature):
        verified(renamed, PETER)


def test_a_signature_by_a_known_key_must_hold_whatever_else_holds() -> None:
    for note in (
        f"{TEXT.replace('answer', 'Answer')}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}",
        f"{TEXT}\n{PETER_LINE}{PETER_LINE.replace('WQ', 'WR').replace('BS9U', 'BS9V')}",
        f"{TEXT}\n{ENOCH_LINE.replace('ZLlC', 'ZLlD').replace('5n2t', '5n2u')}{PETER_LINE}",
    ):
        with pytest.raises(BadSignature):
            verified(note, PETER, ENOCH)


def test_a_signature_given_twice_counts_once() -> None:
    assert verified(f"{TEXT}\n{PETER_LINE}{PETER_LINE}{ENOCH_LINE}{ENOCH_LINE}", PETER) == ["PeterNeumann"]


def test_a_key_known_twice_is_one_and_two_keys_that_cannot_be_told_apart_are_none() -> None:
    assert verified(f"{TEXT}\n{PETER_LINE}", PETER, PETER) == ["PeterNeumann"]

    class Colliding(VerifierKey):
        @property
        def key_id(self) -> bytes:
            return OURS.key_id

    note = parse_note(sign_note("a\n", OURS.name, KEY))
    with pytest.raises(Malformed, match="two keys"):
        verify_note(note, [OURS, Colliding(*other_key_of_that_name())])


@pytest.mark.parametrize("vkey", PUBLISHED)
def test_a_published_key_has_the_id_it_is_published_with(vkey: str) -> None:
    key = parse_vkey(vkey)
    assert format_vkey(key) == vkey
    assert key.key_id == hashlib.sha256(f"{key.name}\n".encode() + key.material).digest()[:4]


def test_a_piece_of_a_key_is_no_key() -> None:
    for begin in range(len(PETER) + 1):
        for end in range(begin, len(PETER) + 1):
            if (begin, end) != (0, len(PETER)):
                with pytest.raises(Malformed):
                    parse_vkey(PETER[begin:end])


def test_a_key_with_another_letter_is_no_key() -> None:
    for at, letter in enumerate(PETER):
        for other in (chr(ord(letter) + 1), letter.swapcase()):
            if other != letter:
                with pytest.raises(Malformed):
                    parse_vkey(PETER[:at] + other + PETER[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "++",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        f" {PETER}",
        f"{PETER}\n",
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
    ],
)
def test_what_is_no_ed25519_key_is_refused(vkey: str) -> None:
    with pytest.raises(Malformed):
        parse_vkey(vkey)


@pytest.mark.parametrize("material", [b"", b"\x01", bytes(32), b"\x01" + bytes(31), b"\x01" + bytes(33), bytes(33)])
def test_a_key_of_another_length_or_kind_is_refused_under_its_right_id_too(material: bytes) -> None:
    with pytest.raises(Malformed):
        parse_vkey(format_vkey(VerifierKey("a", material)))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u3000b", "a\nb", "a\x01", "\ud800"])
def test_a_name_with_spaces_pluses_or_controls_is_no_name(name: str) -> None:
    with pytest.raises(Malformed):
        sign_note("a\n", name, KEY)
    with pytest.raises(Malformed):
        verifier_key(name, KEY.public_key())


@given(TEXTS, NAMES)
def test_a_signed_text_is_read_back_and_verified(text: str, name: str) -> None:
    signed = sign_note(text, name, KEY)
    assert signed == sign_note(text, name, KEY)
    note = parse_note(signed)
    assert note.text == text
    key = verifier_key(name, KEY.public_key())
    assert verify_note(note, [key, OURS]) == [key]
    assert parse_vkey(format_vkey(key)) == key


@given(TEXTS, st.data())
def test_one_bit_turned_in_the_text_is_noticed(text: str, data: st.DataObject) -> None:
    signed = bytearray(sign_note(text, OURS.name, KEY))
    signed[data.draw(st.integers(0, len(text.encode()) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((Malformed, BadSignature)):
        verify_note(parse_note(bytes(signed)), [OURS])


@given(st.lists(st.tuples(NAMES, st.binary(min_size=5, max_size=80)), min_size=1, max_size=5), TEXTS)
def test_signatures_of_any_kind_are_read(lines: list[tuple[str, bytes]], text: str) -> None:
    block = "".join(f"— {name} {format_bytes(data)}\n" for name, data in lines)
    expected = Note(text, tuple(Signature(name, data[:4], data[4:]) for name, data in lines))
    assert parse_note(f"{text}\n{block}".encode()) == expected


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_comes_is_a_note_or_malformed(data: bytes) -> None:
    for tried in (data, data + f"\n{PETER_LINE}".encode()):
        try:
            note = parse_note(tried)
        except Malformed:
            continue
        block = "".join(f"— {line.name} {format_bytes(line.key_id + line.signature)}\n" for line in note.signatures)
        assert f"{note.text}\n{block}".encode() == tried


@pytest.mark.parametrize("control", [chr(code) for code in range(32) if code != 10])
def test_a_control_character_is_refused_wherever_it_is(control: str) -> None:
    for note in (
        f"{control}{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE}{control}",
        f"{TEXT}{control}\n\n{PETER_LINE}",
    ):
        with pytest.raises(Malformed):
            parse_note(note.encode())
    with pytest.raises(Malformed):
        sign_note(f"a{control}\n", OURS.name, KEY)


@pytest.mark.parametrize("text", ["", "abc", "a\nb", "a\r\n", "\ud800\n"])
def test_what_is_no_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        sign_note(text, OURS.name, KEY)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\n\n",
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        f"{TEXT}{PETER_LINE}".encode(),
        PETER_LINE.encode(),
        f"\n{PETER_LINE}".encode(),
        f"{TEXT}\n{PETER_LINE[:-1]}".encode(),
        f"{TEXT}\n{PETER_LINE}{ENOCH_LINE[:-1]}".encode(),
        f"{TEXT}\n{PETER_LINE}\n".encode(),
        f"{TEXT}\n{PETER_LINE}\n{TEXT}".encode(),
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n".encode(),
        b"\xff" + f"{TEXT}\n{PETER_LINE}".encode(),
        b"\xed\xa0\x80" + f"{TEXT}\n{PETER_LINE}".encode(),
        b"\xc0\xaf" + f"{TEXT}\n{PETER_LINE}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad Name')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad+Name')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann ', ' ')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('— ', '- ')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('— ', '—')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('n x', 'n  x')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('=', '')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('nAM=', 'nAN=')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('/', '_')}".encode(),
        f"{TEXT}\n— PeterNeumann\n".encode(),
        f"{TEXT}\n— PeterNeumann \n".encode(),
        f"{TEXT}\n— PeterNeumann x08gow==\n".encode(),
        f"{TEXT}\n{PETER_LINE * 101}".encode(),
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(Malformed):
        parse_note(note)


def test_many_signatures_are_read() -> None:
    assert len(parse_note(f"{TEXT}\n{PETER_LINE * 100}".encode()).signatures) == 100


def test_lines_end_at_newlines_only() -> None:
    text = "一\u2028二\u0085三\x7f四\n"
    assert parse_note(sign_note(text, OURS.name, KEY)).text == text
