"""Invented Chinese texts of the length and variety of real ledgers, from lists of our own; the same seed, the same texts."""

from __future__ import annotations

from random import Random

BUREAUS = ("财务资产部", "工程建设部", "安全环保部", "人力资源部", "物资采购部", "生产运行部", "后勤服务中心", "信息化中心",
           "市场营销部", "基层党建处")  # fmt: skip
DIVISIONS = ("综合科", "业务一科", "业务二科", "督导科")
SECTIONS = ("东区", "西区", "南区", "北区", "中心", "新区", "港区")
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜"
GIVEN = "建国志强秀英丽娟海燕晓明文斌雪梅永刚春华立新玉兰少平向东"
_WHERE = ("项目部", "仓库", "职工食堂", "办事大厅", "施工现场", "档案室", "下属车间", "培训中心", "泵站", "信访接待室")
_WHAT = ("合同台账", "隐患排查记录", "公务用车登记", "固定资产卡片", "招标文件", "值班记录", "差旅报销凭证", "理论学习记录",
         "供应商名录", "应急预案", "考勤记录", "谈心谈话记录", "设备检修计划", "群众诉求登记", "印章使用登记")  # fmt: skip
_WRONG = ("登记不及时", "内容不完整", "审批手续缺失", "与实际不符", "长期未更新", "责任人不明确", "保管不规范", "整改后出现反复",
          "超出规定标准", "未按程序公开")  # fmt: skip
_DETAIL = (
    "抽查近半年资料时发现，该单位有多处记录缺少经办人签名",
    "现场核对数量与账面相差较大，说明日常清点流于形式",
    "相关制度印发以后没有组织学习，一线人员不清楚具体要求",
    "上一次检查已经指出同类情形，有关单位没有举一反三",
    "职工反映办理时间过长，窗口没有公开所需材料和办结时限",
    "部分事项先办理后补手续，会议记录里找不到研究过程",
    "经费支出缺少明细清单，无法说明用途和验收情况",
    "责任分解到科室以后没有跟踪督办，进度长期停留在计划阶段",
)
_ADVICE = (
    "应尽快补齐资料并明确专人负责",
    "建议对照清单逐项核实",
    "须完善制度并开展一次全面自查",
    "应向职工说明处理结果",
)


def title(random: Random) -> str:
    """About a dozen characters."""
    return f"{random.choice(_WHERE)}{random.choice(_WHAT)}{random.choice(_WRONG)}"


def description(random: Random) -> str:
    """Two or three sentences, about ninety characters."""
    found = "；".join(random.sample(_DETAIL, 2 + random.randrange(2)))
    return f"{found}。{random.choice(_ADVICE)}。"


def person(random: Random) -> str:
    start = 2 * random.randrange(len(GIVEN) // 2)
    return f"{random.choice(SURNAMES)}{GIVEN[start : start + 2]}"


def goal(random: Random) -> str:
    return f"{random.choice(_WHAT)}齐全、真实、可查，{random.choice(_ADVICE)}"


def samples() -> dict[str, str]:
    """One text of each kind, for rows where no text need differ from the next."""
    random = Random(7)
    return {"title": title(random), "description": description(random), "goal": goal(random)}
