"""The vocabulary of the life cycle 查摆 → 整改 → 销号: phases, states, actions and the codes an item carries."""

from __future__ import annotations

from app.core.enums import LabelledEnum


class Phase(LabelledEnum):
    IDENTIFY = "identify", "查摆", "Identify"
    RECTIFY = "rectify", "整改", "Rectify"
    CLOSE_OUT = "close_out", "销号", "Close out"
    OFF_LEDGER = "off_ledger", "出账", "Off the ledger"


class State(LabelledEnum):
    DRAFT = "draft", "草稿", "Draft"
    SUBMITTED = "submitted", "待立账", "Awaiting registration"
    REGISTERED = "registered", "已立账·待交办", "Registered, awaiting assignment"
    ASSIGNED = "assigned", "待签收", "Assigned, awaiting acknowledgement"
    PLANNING = "planning", "制定方案", "Planning"
    PLAN_REVIEW = "plan_review", "方案待审", "Plan under review"
    RECTIFYING = "rectifying", "整改中", "Rectifying"
    SUSTAINING = "sustaining", "长期坚持", "Sustaining"
    VERIFYING = "verifying", "待核查（三道关）", "Verifying (three gates)"
    CLOSING = "closing", "待销号审批", "Awaiting closing approval"
    PUBLIC_NOTICE = "public_notice", "公示中", "Public notice"
    CLOSED = "closed", "已销号", "Closed out"
    DECLINED = "declined", "不予受理", "Declined"
    MERGED = "merged", "已并案", "Merged"
    SPLIT = "split", "已拆分", "Split"
    TRANSFERRED = "transferred", "已移送", "Transferred"
    VOIDED = "voided", "已撤销", "Voided"


PHASES: dict[State, Phase] = {
    State.DRAFT: Phase.IDENTIFY,
    State.SUBMITTED: Phase.IDENTIFY,
    State.REGISTERED: Phase.IDENTIFY,
    State.ASSIGNED: Phase.RECTIFY,
    State.PLANNING: Phase.RECTIFY,
    State.PLAN_REVIEW: Phase.RECTIFY,
    State.RECTIFYING: Phase.RECTIFY,
    State.SUSTAINING: Phase.RECTIFY,
    State.VERIFYING: Phase.CLOSE_OUT,
    State.CLOSING: Phase.CLOSE_OUT,
    State.PUBLIC_NOTICE: Phase.CLOSE_OUT,
    State.CLOSED: Phase.CLOSE_OUT,
    State.DECLINED: Phase.OFF_LEDGER,
    State.MERGED: Phase.OFF_LEDGER,
    State.SPLIT: Phase.OFF_LEDGER,
    State.TRANSFERRED: Phase.OFF_LEDGER,
    State.VOIDED: Phase.OFF_LEDGER,
}
OPEN = frozenset(
    state
    for state, phase in PHASES.items()
    if phase is not Phase.OFF_LEDGER and state not in {State.DRAFT, State.SUBMITTED, State.CLOSED}
)
NUMBERED = frozenset(State) - {State.DRAFT, State.SUBMITTED, State.DECLINED}
TERMINAL = frozenset(state for state, phase in PHASES.items() if phase is Phase.OFF_LEDGER)


class Action(LabelledEnum):
    SUBMIT = "submit", "提交", "Submit"
    REGISTER = "register", "立账", "Register"
    RETURN_FOR_SUPPLEMENT = "return_for_supplement", "退回补充", "Return for supplement"
    DECLINE = "decline", "不予受理", "Decline"
    MERGE = "merge", "并案", "Merge"
    SPLIT = "split", "拆分", "Split"
    ASSIGN = "assign", "交办", "Assign"
    DECLINE_ASSIGNMENT = "decline_assignment", "退单", "Decline the assignment"
    RECALL = "recall", "撤回交办", "Recall"
    ACKNOWLEDGE = "acknowledge", "签收", "Acknowledge"
    SUBMIT_PLAN = "submit_plan", "报送方案", "Submit the plan"
    APPROVE_PLAN = "approve_plan", "批准方案", "Approve the plan"
    RETURN_PLAN = "return_plan", "退回方案", "Return the plan"
    REPORT_COMPLETION = "report_completion", "申请销号", "Report completion"
    WITHDRAW_COMPLETION = "withdraw_completion", "撤回销号申请", "Withdraw the completion report"
    FAIL_VERIFICATION = "fail_verification", "核查不通过", "Fail verification"
    PASS_VERIFICATION = "pass_verification", "核查通过", "Pass verification"
    APPROVE_CLOSURE = "approve_closure", "同意销号", "Approve closing"
    REJECT_CLOSURE = "reject_closure", "不同意销号", "Reject closing"
    FINISH_NOTICE = "finish_notice", "公示期满销号", "Finish the notice"
    UPHOLD_OBJECTION = "uphold_objection", "异议成立", "Uphold an objection"
    ENTER_SUSTAINING = "enter_sustaining", "转长期坚持", "Enter sustaining"
    STAGE_REVIEW = "stage_review", "阶段评估", "Stage review"
    RECLASSIFY = "reclassify", "调整定性", "Reclassify"
    HAND_OVER = "hand_over", "责任交接", "Hand over"
    REOPEN = "reopen", "重新立账", "Reopen"
    VOID = "void", "撤销", "Void"
    TRANSFER = "transfer", "移送", "Transfer"
    RECORD_OFFLINE_CLOSURE = "record_offline_closure", "线下销号回录", "Record an offline closing"


class Gate(LabelledEnum):
    """The three 不放过: no path to `closed` passes without all of them."""

    PROBLEM_SOLVED = "problem_solved", "问题不解决不放过", "The problem is solved"
    RECTIFICATION_ADEQUATE = "rectification_adequate", "整改不到位不放过", "The rectification is adequate"
    PEOPLE_SATISFIED = "people_satisfied", "职工群众不满意不放过", "The people affected are satisfied"


class GateStatus(LabelledEnum):
    PENDING = "pending", "待评", "Pending"
    PASSED = "passed", "通过", "Passed"
    FAILED = "failed", "不通过", "Failed"
    WAIVED = "waived", "豁免", "Waived"
    NOT_EVALUABLE = "not_evaluable", "无法评定", "Not evaluable"


class Severity(LabelledEnum):
    GENERAL = "general", "一般", "General"
    MAJOR = "major", "较大", "Major"
    GRAVE = "grave", "重大", "Grave"


class Mode(LabelledEnum):
    IMMEDIATE = "immediate", "立行立改", "Immediate"
    TIME_LIMITED = "time_limited", "限期整改", "Time-limited"
    PHASED = "phased", "分阶段整改", "Phased"
    SUSTAINED = "sustained", "长期坚持", "Sustained"


class Confidentiality(LabelledEnum):
    PUBLIC = "public", "可公开", "Public"
    INTERNAL = "internal", "内部", "Internal"
    RESTRICTED = "restricted", "敏感", "Restricted"
    SECRET_STUB = "secret_stub", "涉密占位", "Secret stub"

    @property
    def rank(self) -> int:
        return list(Confidentiality).index(self)


class MajorKind(LabelledEnum):
    """三重一大: the four kinds of matters a body decides."""

    MAJOR_DECISION = "major_decision", "重大决策", "Major decision"
    KEY_PERSONNEL = "key_personnel", "重要干部任免", "Key personnel"
    MAJOR_PROJECT = "major_project", "重大项目安排", "Major project"
    LARGE_FUND = "large_fund", "大额度资金运作", "Large fund"


class DeadlineKind(LabelledEnum):
    DATE = "date", "具体日期", "Date"
    DAYS = "days", "若干日内", "Number of days"
    IMMEDIATE = "immediate", "立行立改", "Immediate"
    PHASED = "phased", "分阶段", "Phased"
    RECURRING = "recurring", "定期", "Recurring"
    LONG_TERM = "long_term", "长期坚持", "Long-term"
    UNSPECIFIED = "unspecified", "未明确", "Unspecified"


class DayType(LabelledEnum):
    WORKING = "working", "工作日", "Working days"
    CALENDAR = "calendar", "自然日", "Calendar days"


class CountFrom(LabelledEnum):
    NOTICE = "notice", "自交办之日", "From the notice"
    ACKNOWLEDGE = "acknowledge", "自签收之日", "From the acknowledgement"


class SupervisionLevel(LabelledEnum):
    NORMAL = "normal", "一般督办", "Normal"
    KEY = "key", "重点督办", "Key"
    LISTED = "listed", "挂牌督办", "Listed"


class Disposition(LabelledEnum):
    FIXED = "fixed", "整改完成", "Fixed"
    ROUTINE = "routine", "转日常管理", "Handed to routine management"
    NOT_FEASIBLE = "not_feasible", "客观上无法整改", "Not feasible"
    FALSE_FINDING = "false_finding", "问题不实", "False finding"
    ENTERED_IN_ERROR = "entered_in_error", "误登记", "Entered in error"


class MeasureStatus(LabelledEnum):
    NOT_STARTED = "not_started", "未启动", "Not started"
    IN_PROGRESS = "in_progress", "进行中", "In progress"
    DONE = "done", "已完成", "Done"
    ADJUSTED_AWAY = "adjusted_away", "调整取消", "Adjusted away"
