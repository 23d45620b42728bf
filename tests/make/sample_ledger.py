"""A ledger of our own invention in the usual layout: title, two-row head, merged cells, section lines and a foot."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import xlsxwriter

_HEAD = (
    "序号", "问题来源", "问题编号", "反馈问题", "整改目标", "整改措施", "", "整改时限", "责任分工", "", "整改完成情况",
    "备注",
)  # fmt: skip
_SECOND = {5: "具体措施", 6: "时限节点", 8: "牵头单位", 9: "责任单位"}
_SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str, str, str, str, tuple[tuple[str, str], ...]], ...]], ...] = (
    ("（一）市级检查反馈问题", (
        ("市安全检查", "检-1", "北仓库消防通道长期停放货车。", "通道常年畅通", "2027年3月底前，并长期坚持", "仓储部", (
            ("1.划定禁停区并加装地桩。", "2026年12月31日前"), ("2.每班巡查一次并登记。", ""))),
        ("市安全检查", "检-2", "锅炉房水位计玻璃板污损，读数不清。", "水位清晰可读", "2027年1月15日前", "动力车间", (
            ("更换玻璃板并列入月度点检。", ""),)),
        ("市环保检查", "检-3", "喷漆房活性炭更换记录中断四个月。", "记录连续完整", "2027年年底。", "涂装车间", (
            ("1.补做检测并更换活性炭。", ""), ("2.更换记录改为系统填报。", ""), ("3.纳入车间月度考核。", ""))),
    )),
    ("（二）职工群众反映问题", (
        ("职工信箱", "信-9", "夜班食堂只供应冷食。", "夜班有热餐", "立行立改、长期坚持", "后勤部", (
            ("增设夜班窗口。", ""), ("公布菜单并设意见簿。", ""))),
        ("职工信箱", "", "浴室热水时有时无。", "热水稳定供应", "2027年2月底", "后勤部", (
            ("1.更换循环泵。", "2027年1月31日前\n2027年2月底"), ("2.公布报修电话。", ""))),
        ("职代会提案", "案-2", "停车棚照明损坏较多。", "", "", "后勤部", ()),
    )),
    ("（三）自查问题", (
        ("部门自查", "", "作废合同未加盖作废章。", "作废合同标识清楚", "2026年12月31日", "法务部", (
            ("清理近三年合同并补盖印章。", ""), ("修订合同归档办法。", ""))),
        ("部门自查", "", "会议室设备借用没有登记。", "", "2027年6月底前", "", (("建立借用登记簿。", ""),)),
    )),
)  # fmt: skip
SAMPLE_DEADLINES = {
    "1": date(2027, 3, 31), "2": date(2027, 1, 15), "3": date(2027, 12, 31), "4": None, "5": date(2027, 2, 28), "6": None,
    "7": date(2026, 12, 31), "8": date(2027, 6, 30),
}  # fmt: skip


def write_sample_ledger(path: Path) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("整改台账")
        width = len(_HEAD) - 1
        sheet.merge_range(0, 0, 0, width, "某公司问题整改台账")
        sheet.write(1, 0, "填报单位：")
        for column, name in enumerate(_HEAD):
            if column in _SECOND or (column - 1 in _SECOND and not name):
                sheet.write(2, column, name)
                sheet.write(3, column, _SECOND.get(column, ""))
            else:
                sheet.merge_range(2, column, 3, column, name)
        line = _write_sections(sheet, 4, width)
        sheet.merge_range(line, 0, line, width, "注：1.整改措施逐条填写；2.时限按文件原文填写。")
        sheet.write(line + 1, 0, "填报人：")


def _write_sections(sheet: xlsxwriter.worksheet.Worksheet, line: int, width: int) -> int:
    serial = 0
    for title, problems in _SECTIONS:
        sheet.merge_range(line, 0, line, width, title)
        line += 1
        for source, number, text, goal, deadline, unit, measures in problems:
            serial += 1
            height = max(len(measures), 1)
            cells = {0: serial, 1: source, 2: number, 3: text, 4: goal, 7: deadline, 9: unit}
            for column, value in cells.items():
                if height > 1:
                    sheet.merge_range(line, column, line + height - 1, column, value)
                else:
                    sheet.write(line, column, value)
            for place, (measure, node) in enumerate(measures):
                sheet.write(line + place, 5, measure)
                sheet.write(line + place, 6, node)
            line += height
    return line
