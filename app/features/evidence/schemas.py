"""What is sent along with a file, and what is answered about it."""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Instant, Title
from app.core.messages import refusal
from app.core.models import Api
from app.core.paging import PageOf
from app.lifecycle.child_views import ChildOut, ChildQuery

_TARGET_MISSING: Final = Text("须指明所佐证的对象", "Say what the file is shown for")
_TARGET_MISPLACED: Final = Text("该类佐证不指向具体对象", "Evidence of this kind has no single target")


class TargetKind(LabelledEnum):
    """What a file is shown for."""

    ITEM = "item", "问题本身", "The problem itself"
    MEASURE = "measure", "整改措施", "A measure"
    CRITERION = "criterion", "完成标准", "A criterion"
    PROGRESS = "progress", "整改进展", "A progress report"
    OUTCOME = "outcome", "整改成效", "An outcome"
    GATE = "gate", "核查", "A gate"
    SURVEY = "survey", "满意度测评", "A satisfaction survey"
    DECISION = "decision", "集体决策", "A decision"
    NOTICE = "notice", "公示", "The public notice"


TARGETED: Final = frozenset({TargetKind.MEASURE, TargetKind.CRITERION, TargetKind.PROGRESS, TargetKind.OUTCOME})
UNTARGETED: Final = frozenset({TargetKind.ITEM, TargetKind.NOTICE})


class EvidenceIn(Api):
    """The fields beside the file. A gate, survey or decision is often recorded after its evidence, so its id may wait."""

    target_kind: TargetKind
    target_id: UUID | None = None
    description: Title | None = None

    @model_validator(mode="after")
    def _target_fits_its_kind(self) -> Self:
        if self.target_kind in TARGETED and self.target_id is None:
            raise refusal("target_missing", _TARGET_MISSING)
        if self.target_kind in UNTARGETED and self.target_id is not None:
            raise refusal("target_misplaced", _TARGET_MISPLACED)
        return self


class Evidence(ChildOut):
    """A file shown for something; once `cited` by a submission, a gate or a decision it cannot be removed."""

    id: UUID
    target_kind: TargetKind
    target_id: UUID | None
    file_name: str | None
    media_type: str
    size: Annotated[int, Field(description="字节数 · Bytes")]
    sha256: str | None
    description: str | None
    cited: bool
    author_id: UUID | None
    created_at: Instant


class EvidencePage(PageOf[Evidence]):
    """A page of evidence."""


class EvidenceQuery(ChildQuery):
    """Which evidence to list."""

    target_kind: Annotated[TargetKind | None, Field(description="佐证何种对象 · What it is shown for")] = None
    target_id: Annotated[UUID | None, Field(description="所佐证的对象 · The very thing it is shown for")] = None
