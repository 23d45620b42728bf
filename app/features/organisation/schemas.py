"""What is sent and answered about units, people and posts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.errors import Text
from app.core.fields import Day, Instant, Line, SmallInt
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.core.patching import Patch

UnitCode = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
StaffNo = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ShortName = Annotated[Line, Field(max_length=60)]
Name = Annotated[Line, Field(max_length=100)]
Words = Annotated[
    str | None, Field(min_length=1, max_length=100, description="名称或编号中的文字 · Part of a name or code")
]
_BACKWARDS: Final = Text("结束日期早于开始日期", "It ends before it starts")


def in_order(start: Day | None, end: Day | None) -> None:
    """Raises for a period that ends before it starts."""
    if start is not None and end is not None and end < start:
        raise refusal("ends_before_start", _BACKWARDS)


class UnitIn(Api):
    """A new unit; without a parent it is the root of a tree."""

    code: UnitCode
    name: Line
    parent_id: UUID | None = None
    short_name: ShortName | None = None
    sort_order: SmallInt = 0
    active_from: Day | None = None
    active_until: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        in_order(self.active_from, self.active_until)
        return self


class UnitPatch(Patch):
    """A change of a unit; another `parent_id` moves it with everything below it."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"parent_id", "short_name", "active_from", "active_until"})
    code: UnitCode | None = None
    name: Line | None = None
    parent_id: UUID | None = None
    short_name: ShortName | None = None
    sort_order: SmallInt | None = None
    active_from: Day | None = None
    active_until: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        in_order(self.active_from, self.active_until)
        return self


class Unit(Out):
    """A unit; `ancestors` is its path from the root, itself last, which is all a client needs to draw the tree."""

    id: UUID
    parent_id: UUID | None
    ancestors: list[UUID]
    code: str
    name: str
    short_name: str | None
    sort_order: int
    active_from: Day | None
    active_until: Day | None
    version: int
    created_at: Instant
    updated_at: Instant


class UnitPage(PageOf[Unit]):
    """Units in the order their office gave them."""


class UnitQuery(PageQuery):
    """Filters of the list of units."""

    q: Words = None
    parent_id: Annotated[UUID | None, Field(description="直接下级 · Directly below this unit")] = None
    within: Annotated[UUID | None, Field(description="该单位及全部下级 · This unit and all below")] = None


class PersonIn(Api):
    """A new person; posts, an account and roles are given separately."""

    name: Name
    staff_no: StaffNo | None = None


class PersonPatch(Patch):
    """A change of a person; who leaves is made inactive and never deleted."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"staff_no"})
    name: Name | None = None
    staff_no: StaffNo | None = None
    active: bool | None = None


class HeldPost(Out):
    """A post as shown beside its holder."""

    id: UUID
    unit_id: UUID
    unit_name: str
    title: str
    is_primary: bool
    starts_on: Day
    ends_on: Day | None


class Person(Out):
    """A person with the posts held today."""

    id: UUID
    name: str
    staff_no: str | None
    active: bool
    posts: list[HeldPost]
    version: int
    created_at: Instant
    updated_at: Instant


class PersonPage(PageOf[Person]):
    """People by name."""


class PersonQuery(PageQuery):
    """Filters of the list of people."""

    q: Words = None
    unit_id: Annotated[UUID | None, Field(description="现任职单位 · Unit of a post held today")] = None
    unit_subtree: Annotated[bool, Field(description="包括下级单位 · Units below as well")] = False
    active: Annotated[bool | None, Field(description="仅在职或仅离职 · Only the active, or only the others")] = None


class PostIn(Api):
    """A person's membership of a unit, which is what conflicts of interest are judged by."""

    person_id: UUID
    unit_id: UUID
    title: Name
    is_primary: bool = True
    starts_on: Day
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        in_order(self.starts_on, self.ends_on)
        return self


class PostPatch(Patch):
    """Ends a post, or corrects its name; person, unit and start stay what they were."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"ends_on"})
    title: Name | None = None
    is_primary: bool | None = None
    ends_on: Day | None = None


class Post(Out):
    """A post, past, present or to come."""

    id: UUID
    person_id: UUID
    person_name: str
    unit_id: UUID
    unit_name: str
    title: str
    is_primary: bool
    starts_on: Day
    ends_on: Day | None
    version: int
    created_at: Instant
    updated_at: Instant


class PostPage(PageOf[Post]):
    """Posts, oldest entry first."""


class PostQuery(PageQuery):
    """Filters of the list of posts."""

    person_id: Annotated[UUID | None, Field(description="任职的人员 · Of this person")] = None
    unit_id: Annotated[UUID | None, Field(description="任职的单位 · In this unit")] = None
