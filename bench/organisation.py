"""The organisation every measurement runs on: 301 units, five people in each, and callers with a known reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from app.access import keyfiles, tokens
from bench import words

LONG_AGO = date(2020, 1, 1)
PEOPLE_PER_UNIT = 5
Row = dict[str, Any]


def made_id(kind: int, number: int) -> UUID:
    """Ids are counted, so that a script without a database can name them; `kind` keeps tables apart."""
    return UUID(f"01900000-{kind:04d}-7000-8000-{number:012d}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with an account; `sees` says how far."""

    sees: str
    person_id: UUID
    account_id: UUID

    def authorization(self, var: Path) -> str:
        """The header of a session of theirs; the key is in the state directory of a service that has started."""
        return f"Bearer {tokens.issue(keyfiles.key(var, 'session'), tokens.Session(self.account_id, 1))}"


@dataclass(frozen=True, slots=True)
class Organisation:
    """Rows by table; `bureaus` are units with thirty units each, themselves included; `sections` have none below."""

    rows: dict[str, list[Row]]
    root: UUID
    bureaus: list[UUID]
    sections: list[UUID]
    people: dict[UUID, list[UUID]]
    callers: dict[str, Caller]

    @property
    def units(self) -> list[UUID]:
        return [row["id"] for row in self.rows["unit"]]


def build(random: Random, now: datetime) -> Organisation:
    """Root, ten bureaus, four divisions each and twenty-five sections below these."""
    units: list[Row] = []

    def unit(name: str, parent: Row | None) -> Row:
        number = len(units) + 1
        key = made_id(1, number)
        row = {
            "id": key, "parent_id": parent and parent["id"], "ancestors": [*(parent["ancestors"] if parent else ()), key],
            "code": f"U{number:03d}", "name": name, "version": 1, "created_at": now, "updated_at": now,
        }  # fmt: skip
        units.append(row)
        return row

    root = unit("集团公司", None)
    bureaus, sections = [], []
    for bureau_name in words.BUREAUS:
        bureau = unit(bureau_name, root)
        bureaus.append(bureau["id"])
        divisions = [unit(f"{bureau_name}{name}", bureau) for name in words.DIVISIONS]
        for place in range(25):
            name = f"{words.SECTIONS[place % 7]}第{place // 7 + 1}站"
            sections.append(unit(name, divisions[place % 4])["id"])
    made = Organisation({"unit": units}, root["id"], bureaus, sections, {}, {})
    _staff(made, random, now)
    return made


def _staff(made: Organisation, random: Random, now: datetime) -> None:
    times = {"version": 1, "created_at": now, "updated_at": now}
    tables: dict[str, list[Row]] = {name: [] for name in ("person", "post", "role_grant", "account")}
    made.rows.update(tables)

    def grant(person_id: UUID, role: str, unit_id: UUID) -> None:
        number = len(tables["role_grant"]) + 1
        tables["role_grant"].append({"id": made_id(4, number), "person_id": person_id, "role": role, "unit_id": unit_id,
                                     "starts_on": LONG_AGO, **times})  # fmt: skip

    for unit_id in made.units:
        for place in range(PEOPLE_PER_UNIT):
            number = len(tables["person"]) + 1
            person_id = made_id(2, number)
            tables["person"].append({"id": person_id, "name": words.person(random), **times})
            tables["post"].append({"id": made_id(3, number), "person_id": person_id, "unit_id": unit_id, "title": "科员",
                                   "is_primary": True, "starts_on": LONG_AGO, **times})  # fmt: skip
            tables["account"].append({"id": made_id(5, number), "person_id": person_id, "username": f"u{number:05d}",
                                      "password_hash": "-", **times})  # fmt: skip
            made.people.setdefault(unit_id, []).append(person_id)
            role = ("unit_head", "liaison")[place] if place < 2 else None  # noqa: PLR2004 - the first two lead
            if role is not None and unit_id != made.root:
                grant(person_id, role, unit_id)
    for place, role in enumerate(("supervision_office", "unit_head", "discipline_office", "first_responsible")):
        grant(made.people[made.root][place], role, made.root)
    # An office and the head of everything at once: one caller can then take every step of the measured path.
    grant(made.people[made.root][0], "unit_head", made.root)
    for bureau in made.bureaus:
        for place, role in enumerate(("leader", "verifier", "survey_runner")):
            grant(made.people[bureau][2 + place], role, bureau)
    _name_callers(made)


def _name_callers(made: Organisation) -> None:
    accounts = {row["person_id"]: row["id"] for row in made.rows["account"]}
    for sees, unit_id in (("whole tree", made.root), ("30 units", made.bureaus[0]), ("one unit", made.sections[0])):
        person_id = made.people[unit_id][0]
        made.callers[sees] = Caller(sees, person_id, accounts[person_id])
