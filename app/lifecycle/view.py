"""Reading items: caller, scope and item in one statement, and the row as the caller may see it.

The columns every list and every item share are named once here; a list never selects long text it does not show.
"""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.memory import CALLER_CTE, OWN
from app.access.scope import JOINED, Sealed, Shape, predicate, restricted_predicate, restricted_read_sql
from app.core import clock
from app.core.clock import beijing_date
from app.core.db import Reader, Row
from app.core.errors import Problem
from app.core.etag import item_etag
from app.core.http import Reply
from app.lifecycle.light import light_on, overdue_days, reasons_on, stored_turns
from app.lifecycle.movers_sql import MOVER_KEY, movers_sql
from app.lifecycle.parties import Party, parties
from app.lifecycle.schemas import ItemOut
from app.lifecycle.states import OPEN, PHASES, Action, State
from app.lifecycle.transitions import TABLE

MASK: Final = ("title", "description", "responsible_person_id", "root_cause", "goal", "remarks")
_COLUMNS: Final = """
  i.id, i.number, i.version, i.cycle, i.ledger_id, i.external_system, i.external_id, i.state, i.title, i.description,
  i.source_type, i.source_schema_version, i.source_unit_id, i.source_document, i.source_document_no, i.source_quote,
  i.source_path, i.source_fields, i.merged_into_id, i.split_from_id, i.category, i.severity, i.confidentiality,
  i.major_kind, i.major_basis, i.found_on, i.registered_at, i.responsible_unit_id, i.lead_unit_id,
  i.cooperating_unit_ids, i.accountable_leader_ids, i.responsible_person_id, i.liaison_id, i.mode, i.deadline, i.due_on,
  i.assigned_at, i.blue_from, i.yellow_from, i.red_from, i.light_reasons, i.goal, i.root_cause, i.remarks,
  i.measures_total, i.measures_done, i.progress_percent, i.progress_latest, i.submission_no, i.policy_version, i.chain,
  i.chain_step, i.gate_problem_solved, i.gate_rectification_adequate, i.gate_people_satisfied, i.supervision_level,
  i.completed_at, i.closed_at, i.notice_ends_on, i.next_review_on, i.next_look_back_on, i.disposition, i.closed_offline,
  i.created_at, i.updated_at, i.finder_person_id, i.finder_unit_id
"""
_BESIDE: Final = """
  (SELECT u.ancestors FROM unit u WHERE u.id = (SELECT l.unit_id FROM ledger l WHERE l.id = i.ledger_id)) AS ledger_ancestors,
  (SELECT u.ancestors FROM unit u WHERE u.id = i.lead_unit_id) AS lead_ancestors,
  (SELECT u.ancestors FROM unit u WHERE u.id = i.source_unit_id) AS source_ancestors,
  (SELECT json_agg(json_build_object('from_item_id', o.from_item_id, 'source_type', o.source_type, 'document', o.document,
      'document_no', o.document_no, 'quote', o.quote, 'source_unit_id', o.source_unit_id) ORDER BY o.created_at, o.id)
     FROM item_origin o WHERE o.item_id = i.id) AS origins
"""
_SELDOM: Final = """
  CASE WHEN i.confidentiality = 'restricted' THEN (SELECT t.sealed FROM source_type t
    WHERE t.code = i.source_type AND t.schema_version = i.source_schema_version) END AS sealed,
  CASE WHEN i.state = 'split' THEN (SELECT json_build_object('total', count(*), 'closed',
      count(*) FILTER (WHERE c.state = 'closed')) FROM item c WHERE c.split_from_id = i.id) END AS children
"""
ITEM_SQL: Final = f"""{CALLER_CTE}
SELECT {_COLUMNS}, {_BESIDE}, {MOVER_KEY} AS mover_key
FROM actor LEFT JOIN item i ON i.id = ${OWN}::uuid AND {predicate(Shape.MANY, "i", JOINED)}
"""
"""The hot read, behind the caller the item: a row without an id is 404. See `with_seldom` and `next_movers`."""
_KNOWN: Final = Sealed("$2::text[]", "$3::uuid[]", "$5::uuid[]", "$6::bool")
OWN_SQL: Final = f"""
SELECT {_COLUMNS}, {restricted_predicate("i", _KNOWN)} AS unmasked, {_SELDOM}, {_BESIDE}, {movers_sql("$4::date")} AS next_movers
FROM item i WHERE i.id = ANY($1::uuid[])
"""
"""After a write: items the caller has just acted on, in or out of scope by now; $4 is today."""
_RESTRICTED_OR_SPLIT: Final = f"""
SELECT {restricted_predicate("i", Sealed("$2::text[]", "$3::uuid[]", "$4::uuid[]", "$5::bool"), "shown")} AS unmasked, {_SELDOM}
FROM item i, (SELECT $6::text AS state) shown WHERE i.id = $1::uuid
"""
_NEITHER: Final[dict[str, Any]] = {"unmasked": True, "sealed": None, "children": None}


async def with_seldom(reader: Reader, actor: Actor, row: Row) -> dict[str, Any]:
    """A row of ITEM_SQL with what only restricted and split items need; raises not_found if it is gone by now.

    Asked afterwards, because PostgreSQL makes every sub-select of a statement ready to run before it knows whether it
    will. The mask is that of the later moment, but for a draft: only what is shown as one is the caller's own.
    """
    shown = dict(row)
    if row["confidentiality"] != "restricted" and row["state"] != State.SPLIT:
        shown.update(_NEITHER)
        return shown
    _, args = restricted_read_sql(actor)
    more = await reader.fetchrow(_RESTRICTED_OR_SPLIT, row["id"], *args, row["state"])
    if more is None:
        raise Problem("not_found")
    shown.update(more)
    return shown


@lru_cache(maxsize=4096)
def menu(state: State, played: frozenset[Party]) -> tuple[Action, ...]:
    """The actions state and role allow; guards are for `available-transitions`."""
    return tuple(row.action for row in TABLE if state in row.sources and row.by & played)


def item_out(row: Mapping[str, Any], actor: Actor, today: date) -> ItemOut:
    """The item of a row of ITEM_SQL for this caller on this day (Beijing)."""
    actions = menu(State(row["state"]), parties(actor, row)) if actor.person_id is not None else ()
    return item_shown(row, today, actions)


def item_shown(row: Mapping[str, Any], day: date, actions: tuple[Action, ...]) -> ItemOut:
    """The item of a row that holds its columns, `unmasked`, `sealed`, `origins`, `children` and `next_movers`."""
    state = State(row["state"])
    turns = stored_turns(row["blue_from"], row["yellow_from"], row["red_from"], row["light_reasons"])
    late = overdue_days(row["due_on"], day) if state in OPEN else 0
    shown = dict(row)
    shown["title"] = row["title"] or None
    masked = _mask(shown)
    shown.update(
        {
            "external_ref": _external(row),
            "phase": PHASES[state],
            "source": _source(shown),
            "origins": shown["origins"] or [],
            "major_matter": None
            if row["major_kind"] is None
            else {"kind": row["major_kind"], "basis": row["major_basis"]},
            "deadline": row["deadline"],
            "light": light_on(turns, day),
            "light_reasons": reasons_on(turns, day),
            "overdue": late > 0,
            "overdue_days": late,
            "progress": {
                "measures_total": row["measures_total"],
                "measures_done": row["measures_done"],
                "percent": row["progress_percent"],
                "latest": shown["progress_latest"],
            },
            "gates": {gate: row[f"gate_{gate}"] for gate in _GATES},
            "clock_suspended": False,
            "extension_pending": False,
            "next_movers": row["next_movers"] or [],
            "allowed_actions": actions,
            "warnings": warnings(row),
            "masked_fields": masked,
        }
    )
    return ItemOut.model_validate(shown)


_GATES: Final = ("problem_solved", "rectification_adequate", "people_satisfied")


def _mask(shown: dict[str, Any]) -> list[str]:
    """Withholds what `restricted` hides, in place, and names it; what is not restricted is never masked."""
    if shown["unmasked"]:
        return []
    shown |= dict.fromkeys(MASK)
    sealed = set(shown["sealed"])
    shown["source_quote"] = None
    shown["source_fields"] = {name: value for name, value in shown["source_fields"].items() if name not in sealed}
    if shown["progress_latest"] is not None:
        shown["progress_latest"] = {**shown["progress_latest"], "content": None}
    shown["origins"] = [{**origin, "quote": None} for origin in shown["origins"] or []]
    return [*MASK, "source.quote", *(f"source.fields.{name}" for name in sorted(sealed)), "progress.latest.content",
            "origins.quote"]  # fmt: skip


def _external(row: Mapping[str, Any]) -> dict[str, str] | None:
    return None if row["external_id"] is None else {"system": row["external_system"], "id": row["external_id"]}


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": row["source_type"], "schema_version": row["source_schema_version"], "unit_id": row["source_unit_id"],
        "document": row["source_document"], "document_no": row["source_document_no"], "quote": row["source_quote"],
        "path": row["source_path"], "fields": row["source_fields"],
    }  # fmt: skip


def warnings(row: Mapping[str, Any]) -> list[str]:
    """What is odd but was accepted; facts of the row, so they stay visible as long as they are true."""
    found = []
    original = (row["deadline"] or {}).get("original_date")
    if original is not None:
        first = date.fromisoformat(original)
        if row["assigned_at"] is not None and first < beijing_date(row["assigned_at"]):
            found.append("deadline_in_the_past")
        if row["found_on"] is not None and first < row["found_on"]:
            found.append("deadline_before_found_on")
    if row["light_reasons"].get("calendar_uncertain"):
        found.append("calendar_uncertain")
    return found


def etag_of(item: ItemOut, actor: Actor, today: date) -> str:
    return item_etag(item.version, today, actor.stamp, actor.language)


async def own_items(reader: Reader, actor: Actor, ids: list[UUID]) -> dict[UUID, ItemOut]:
    """The items a write has just changed, as its caller sees them; one statement however many."""
    today = clock.today()
    _, (roles, units, persons, unsealed) = restricted_read_sql(actor)
    rows = await reader.fetch(OWN_SQL, ids, roles, units, today, persons, unsealed)
    return {row["id"]: item_out(dict(row), actor, today) for row in rows}


async def item_reply(reader: Reader, actor: Actor, item_id: UUID, status: int = 200) -> Reply:
    """A reply that is the item itself."""
    item = (await own_items(reader, actor, [item_id]))[item_id]
    location = f"/v1/items/{item_id}" if status == 201 else None  # noqa: PLR2004 - Created
    return Reply(status, item, etag=etag_of(item, actor, clock.today()), location=location)
