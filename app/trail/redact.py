"""脱敏 redaction: where words can be removed, as data, and which of them a request reaches; pure.

A value is told more than once: in several events, in the row, in copies a plan or a closed cycle keeps. So a request names
a place, and whatever of the same item says the same goes with it. Chain, tree and receipts hold commitments and stay valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlmodel import SQLModel

from app.tables import closeout, rectify
from app.tables.item import ItemCycle, ItemOrigin
from app.trail.rows import ROWS

PLACEHOLDER: Final = "〔已脱敏 redacted〕"
How = Literal["text", "null", "empty"] | frozenset[str]
"""What becomes of a column: the placeholder, null, an empty document, or the placeholder under these keys of one."""

ITEM: Final[Mapping[str, How]] = {
    **dict.fromkeys(
        ("title", "description", "source_document", "source_document_no", "source_quote", "major_basis", "goal",
         "root_cause", "remarks"), "text",
    ),
    # Another item may bear the placeholder too, and no two may have the same reference.
    "external_system": "null", "external_id": "null",
    "source_path": "empty", "source_fields": "empty",
    "deadline": frozenset({"text", "title"}), "progress_latest": frozenset({"content"}),
}  # fmt: skip
CHILDREN: Final[Mapping[type[SQLModel], Mapping[str, How]]] = {
    rectify.Measure: {"content": "text"},
    rectify.Criterion: {"content": "text"},
    rectify.PlanVersion: {
        "content": frozenset({"root_cause", "goal", "content"}),
        "decision_note": "text",
    },
    rectify.ProgressReport: {"content": "text", "next_step": "text"},
    rectify.Outcome: {"name": "text", "document_no": "text", "quantity_unit": "text", "detail": "text"},
    rectify.Evidence: {"file_name": "text", "description": "text"},
    rectify.Submission: {"summary": "text"},
    closeout.GateResult: {
        "detail": frozenset({"note", "place", "persons", "explanation", "reason", "waiver_reason"}),
        "comment": "text",
    },
    closeout.Approval: {"comment": "text"},
    closeout.Objection: {"content": "text", "contact": "text", "ruling_reason": "text"},
    closeout.Decision: {"body": "text", "minutes_no": "text", "rule": frozenset({"basis"})},
    closeout.StageReview: {"summary": "text"},
    ItemOrigin: {"document": "text", "document_no": "text", "quote": "text"},
    ItemCycle: {"snapshot": frozenset({"goal", "root_cause", "text", "title"})},
}
TABLES: Final[Mapping[str, type[SQLModel]]] = {str(table.__tablename__): table for table in CHILDREN}
NUMBERED: Final = {"plan_version": "plan_version", "item_cycle": "cycle"}
"""Tables whose rows are told apart by a number of the item's own; all others have an `id`."""
COPIES: Final[Mapping[str, tuple[str, ...]]] = {
    "event_disclosure": ("value",),
    "item_text": ("title",),
    "item_search": ("tokens", "folded"),
    "idempotency_record": ("headers", "body"),
}
"""Where the same words lie once more: they go with whatever place is redacted, and cannot be named by themselves."""
ORGANISATION: Final[Mapping[str, tuple[str, ...]]] = {
    "unit": ("name", "short_name"),
    "person": ("name", "staff_no"),
    "post": ("title",),
    "delegation": ("reason",),
    "account": ("username",),
    "api_key": ("name",),
    "ledger": ("name", "description"),
    "ledger_policy": ("rules", "reason"),
    "category": ("name_zh", "name_en"),
    "source_type": ("name_zh", "name_en", "json_schema", "required", "sealed"),
    "calendar_year": ("source",),
    "calendar_day": ("name_zh",),
    "snapshot": ("reason", "content", "definitions"),
    "webhook_endpoint": ("url", "description"),
}
"""Words of the organisation itself, who held which power included: not of an item, hence not redacted item by item."""
FILE_NAME: Final = ("evidence", "file_name")
"""A file's name goes with the file and in no other way: the placeholder as a name says that the bytes are gone."""
STRUCTURE: Final = frozenset({"set", ROWS, "redacted", "redaction_id"})
"""Fields of events that hold codes, ids and digests only, and that the rest is checked by."""


def where(table: str, key: str) -> dict[str, UUID | int]:
    """The columns and values that find a row within its item."""
    return {NUMBERED[table]: int(key)} if table in NUMBERED else {"id": UUID(key)}


class Told(NamedTuple):
    """One field of one event of the item, as disclosed."""

    event_id: UUID
    seq: int
    field: str
    value: Any


class Kept(NamedTuple):
    """A row of a child table, its columns as plain JSON."""

    table: str
    key: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Material:
    """All that is known of one item: its row (None for a deleted draft), its children, its old titles, what it told."""

    item: Mapping[str, Any] | None
    children: Sequence[Kept]
    titles: Mapping[int, str]
    told: Sequence[Told]

    @cached_property
    def about(self) -> Mapping[tuple[str, str], set[UUID]]:
        """For a child row the events about it and no other row of its table: what such a one says is said of this row."""
        made: dict[tuple[str, str], set[UUID]] = {}
        for one in self.told:
            listed = [(entry[0], entry[1]) for entry in one.value] if one.field == ROWS else []
            tables = Counter(table for table, _ in listed)
            for place in listed:
                if tables[place[0]] == 1:
                    made.setdefault(place, set()).add(one.event_id)
        return made


@dataclass(slots=True)
class Plan:
    """What a request removes; `unmatched` are the places (by their index) that hold nothing."""

    disclosures: set[tuple[int, UUID, str]] = field(default_factory=set)
    item: dict[str, Any] = field(default_factory=dict)
    children: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    titles: set[int] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    unmatched: list[int] = field(default_factory=list)

    @property
    def texts(self) -> set[str]:
        """Every text that must be nowhere afterwards."""
        return self.words | self.names


def plan(places: Sequence[Mapping[str, Any]], found: Material) -> Plan:
    """What the places name, and what of the same item says the same."""
    made = Plan()
    for index, place in enumerate(places):
        if not _SEEK[place["kind"]](made, found, place):
            made.unmatched.append(index)
    made.words -= {"", PLACEHOLDER}
    made.names -= {"", PLACEHOLDER}
    _spread(made, found)
    return made


def blank(how: How, value: Any) -> Any:
    """What stands in a column afterwards."""
    if value is None or how == "null":
        return None
    if how == "empty":
        return type(value)()
    if how == "text":
        return PLACEHOLDER if value else value
    return _under(how, value, None)


def words_of(how: How, value: Any) -> set[str]:
    """The texts that `blank` takes away."""
    return {text for text, inside in _leaves(value, how if isinstance(how, frozenset) else None) if inside}


def says(value: Any, words: AbstractSet[str]) -> bool:
    """Whether one of the texts stands anywhere in a value, as a whole."""
    return any(text in words for text, _ in _leaves(value, None))


def _field(made: Plan, found: Material, place: Mapping[str, Any]) -> bool:
    """A field of the item with all that it ever said."""
    name, how = place["field"], ITEM[place["field"]]
    # What says nothing stays told: the row is compared with it.
    told = [one for one in found.told if one.field == name and words_of(how, one.value) - {"", PLACEHOLDER}]
    for one in told:
        _tell(made, one, words_of(how, one.value))
    return _blank_item(made, found, name) or bool(told)


def _event_field(made: Plan, found: Material, place: Mapping[str, Any]) -> bool:
    """One field of one event; where the item still shows that value, there as well."""
    for one in found.told:
        if str(one.event_id) == str(place["event_id"]) and one.field == place["field"] and one.field not in STRUCTURE:
            if isinstance(one.value, Mapping) and "file_name" in one.value:
                return False  # it goes with its file, or the row would go on showing the name
            words = {one.value} if isinstance(one.value, str) else words_of("text", one.value) - _codes(one.value)
            _tell(made, one, words)
            if found.item is not None and one.field in ITEM and found.item[one.field] == one.value:
                _blank_item(made, found, one.field)
            return True
    return False


def _child(made: Plan, found: Material, place: Mapping[str, Any]) -> bool:
    """A text of a child with all that it ever said, also of a child that was removed since."""
    table, key, name = place["table"], str(place["id"]), place["field"]
    how = CHILDREN[TABLES[table]][name]
    values: set[str] = set()
    for kept in found.children:
        if (kept.table, kept.key) == (table, key):
            values |= words_of(how, kept.row[name])
            _blank_child(made, kept, name)
    events = found.about.get((table, key), set())
    about = [one for one in found.told if one.event_id in events and one.field not in STRUCTURE]
    for one in about:
        values |= {text for text, inside in _leaves({one.field: one.value}, frozenset({name})) if inside}
    values -= {PLACEHOLDER}
    made.words |= values
    told = [one for one in about if says(one.value, values)]
    for one in told:
        _tell(made, one, set())
    return bool(values)


def digest_of(found: Material, evidence_id: str) -> str:
    """The SHA-256 of a file of the item, from its record or, once that was removed, from what was told of it."""
    rows = (kept.row for kept in found.children if (kept.table, kept.key) == ("evidence", evidence_id))
    return str(next(row["sha256"] for row in (*rows, *_told_files(found, evidence_id))))


def _told_files(found: Material, evidence_id: str) -> Iterator[Mapping[str, Any]]:
    """What events told of a file; a reason for reopening bears the same name and is no file."""
    for one in found.told:
        if one.field == "evidence" and isinstance(one.value, Mapping) and one.value.get("id") == evidence_id:
            yield one.value


def _file(made: Plan, found: Material, place: Mapping[str, Any]) -> bool:
    """A file: its bytes, its name and what was said of it. Its digest stays, since event bodies hold it."""
    key, seen = str(place["evidence_id"]), False
    for kept in found.children:
        if (kept.table, kept.key) == ("evidence", key) and kept.row["file_name"] != PLACEHOLDER:
            made.names |= {text for text in (kept.row["file_name"], kept.row["description"]) if text}
            for name in CHILDREN[rectify.Evidence]:
                _blank_child(made, kept, name)
            seen = True
    for one in found.told:
        if one.field == "evidence" and isinstance(one.value, Mapping) and one.value.get("id") == key:
            made.names |= {text for text in (one.value.get("file_name"), one.value.get("description")) if text}
            _tell(made, one, set())
            seen = True
    return seen


_SEEK: Final = {"item_field": _field, "event_field": _event_field, "child": _child, "file": _file}


def _spread(made: Plan, found: Material) -> None:
    """The same words elsewhere in the item: other events, other rows, the copies that plans and cycles keep."""
    for one in found.told:
        if one.field not in STRUCTURE and says(one.value, made.words):
            _tell(made, one, set())
    shown = found.item or {}
    for name in shown.keys() & ITEM.keys() - made.item.keys():
        _change(made.item, name, shown[name], _without(ITEM[name], shown[name], made.words))
    for kept in found.children:
        changes = made.children.setdefault((kept.table, kept.key), {})
        for name, how in CHILDREN[TABLES[kept.table]].items():
            if name not in changes and (kept.table, name) != FILE_NAME:
                _change(changes, name, kept.row[name], _without(how, kept.row[name], made.words))
    made.children = {place: changes for place, changes in made.children.items() if changes}
    retold = {seq for seq, _, name in made.disclosures if name == "title"}
    made.titles = {
        version
        for version, title in found.titles.items()
        if title != PLACEHOLDER and (title in made.words or (title and version in retold))
    }


def _tell(made: Plan, one: Told, words: set[str]) -> None:
    made.disclosures.add((one.seq, one.event_id, one.field))
    made.words |= words


def _blank_item(made: Plan, found: Material, name: str) -> bool:
    if found.item is None:
        return False
    value = found.item[name]
    made.words |= words_of(ITEM[name], value)
    return _change(made.item, name, value, blank(ITEM[name], value))


def _blank_child(made: Plan, kept: Kept, name: str) -> None:
    how = CHILDREN[TABLES[kept.table]][name]
    _change(made.children.setdefault((kept.table, kept.key), {}), name, kept.row[name], blank(how, kept.row[name]))


def _change(changes: dict[str, Any], name: str, before: Any, after: Any) -> bool:
    if before == after:
        return False
    changes[name] = after
    return True


def _leaves(value: Any, keys: frozenset[str] | None, *, inside: bool | None = None) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it stands under one of the keys (under any, where none are named)."""
    within = keys is None if inside is None else inside
    if isinstance(value, str):
        yield value, within
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, keys, inside=within or name in (keys or ()))
    elif isinstance(value, Iterable):
        for member in value:
            yield from _leaves(member, keys, inside=within)


def _under(keys: frozenset[str], value: Any, words: AbstractSet[str] | None, *, inside: bool = False) -> Any:
    """The value with the placeholder for its texts under the keys: all of them, or those among `words`."""
    if isinstance(value, str):
        return PLACEHOLDER if inside and (words is None or value in words) else value
    if isinstance(value, Mapping):
        return {name: _under(keys, part, words, inside=inside or name in keys) for name, part in value.items()}
    if isinstance(value, list):
        return [_under(keys, part, words, inside=inside) for part in value]
    return value


def _without(how: How, value: Any, words: AbstractSet[str]) -> Any:
    """The value without those of its texts that are among `words`."""
    if isinstance(how, frozenset):
        return _under(how, value, words)
    if how == "empty":
        return _under(frozenset(), value, words, inside=True)
    return blank(how, value) if isinstance(value, str) and value in words else value


def _codes(value: Any) -> set[str]:
    """Texts of a document that are ids, dates, digests or codes: the same one elsewhere says nothing of this one."""
    return {text for text, _ in _leaves(value, None) if text.isascii() and (" " not in text)}
