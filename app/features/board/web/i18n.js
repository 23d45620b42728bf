// The words of the pages in both languages, and how numbers, days and moments are written.

const WORDS = {
  title: ["整改台账", "Rectification ledger"],
  board: ["看板", "Board"],
  items: ["事项", "Items"],
  all_items: ["全部事项", "All items"],
  sign_in: ["登录", "Sign in"],
  sign_out: ["退出", "Sign out"],
  username: ["账号", "User name"],
  password: ["密码", "Password"],
  new_password: ["新密码", "New password"],
  new_password_again: ["再次输入新密码", "New password again"],
  must_change: ["当前密码由他人设定，请先设置自己的密码。", "Somebody else chose this password. Set your own first."],
  not_the_same: ["两次输入的新密码不一致", "The two new passwords differ"],
  set_password: ["设置密码并进入", "Set password and go on"],
  session_over: ["登录已失效，请重新登录。", "Your session has ended. Sign in again."],
  tagline: ["问题不解决不放过，整改不到位不放过，群众不满意不放过", "Solved, adequate, and accepted by the people it concerns"],
  wait_seconds: ["请在 {n} 秒后再试", "Try again in {n} seconds"],
  offline: ["连接不上服务，正在重试", "The service cannot be reached, retrying"],
  live: ["实时", "Live"],
  paused: ["已暂停", "Paused"],
  as_of: ["数据截至", "Data as of"],
  whole: ["全部单位", "All units"],
  my_scope: ["本人查看范围", "What you may see"],
  theme: ["深色与浅色", "Dark or light"],
  to_dark: ["深色", "Dark"],
  to_light: ["浅色", "Light"],
  print: ["打印", "Print"],
  trial: ["试用模式：管理员未分设", "Trial mode: administrators are not separated"],
  loading: ["正在读取", "Loading"],
  no_items: ["没有符合条件的事项", "No items match"],
  nothing_overdue: ["没有逾期事项", "Nothing is overdue"],
  rates: ["整改成效比率", "Rates"],
  lights: ["红黄蓝绿灯", "Lights"],
  months: ["近十二个月立账与销号", "Registered and closed, twelve months"],
  by_unit: ["各牵头单位进展", "By lead unit"],
  by_source: ["问题来源", "By source"],
  by_category: ["问题类别", "By category"],
  overdue_list: ["逾期事项（按逾期天数）", "Overdue, the longest first"],
  outcomes: ["整改成果", "Outcomes"],
  reopened_month: ["本月重新立账", "Reopened this month"],
  days_of_month: ["本月完成 {n} 件", "{n} done this month"],
  in_items: ["涉及 {n} 件事项", "In {n} items", "In 1 item"],
  due_week: ["本周到期", "Due this week"],
  registered: ["立账", "Registered"],
  closed: ["销号", "Closed"],
  reopened: ["重新立账", "Reopened"],
  month: ["月份", "Month"],
  unit: ["单位", "Unit"],
  name: ["名称", "Name"],
  total: ["总数", "Total"],
  as_table: ["表格", "Table"],
  as_chart: ["图形", "Chart"],
  first_of: ["前 {n} 项，共 {all} 项", "{n} of {all}"],
  few: ["含敏感事项且不足 3 件，不予显示", "Withheld: fewer than 3, restricted items among them"],
  light_red: ["红灯", "Red"],
  light_yellow: ["黄灯", "Yellow"],
  light_blue: ["蓝灯", "Blue"],
  light_green: ["绿灯", "Green"],
  light_grey: ["无灯", "None"],
  days_late: ["逾期 {n} 天", "{n} days late", "1 day late"],
  no_key: ["未填", "Not given"],
  number: ["编号", "Number"],
  problem: ["问题", "Problem"],
  state: ["状态", "State"],
  light: ["灯色", "Light"],
  lead_unit: ["牵头单位", "Lead unit"],
  due: ["整改时限", "Due"],
  progress: ["进度", "Progress"],
  search: ["查找", "Search"],
  search_hint: ["标题、描述中的文字，至少 2 字", "Text in title or description, 2 or more characters"],
  any: ["不限", "Any"],
  more: ["更多", "More"],
  shown: ["已显示 {n} 件", "{n} shown"],
  of_total: ["共 {n} 件", "{n} in all"],
  at_least: ["{n} 件以上", "more than {n}"],
  filters: ["筛选条件", "Filters"],
  clear: ["去掉条件 {name}", "Remove filter {name}"],
  sort: ["排序", "Sort"],
  by_due: ["时限先到者在前", "Soonest due first"],
  by_updated: ["最近更新者在前", "Latest change first"],
  by_registered: ["最近立账者在前", "Latest registered first"],
  by_number: ["按编号", "By number"],
  masked: ["（内容受限）", "(withheld)"],
  facts: ["基本情况", "Facts"],
  description: ["问题描述", "Description"],
  source: ["问题来源", "Source"],
  category: ["问题类别", "Category"],
  severity: ["等级", "Severity"],
  confidentiality: ["公开程度", "Confidentiality"],
  mode: ["整改方式", "Mode"],
  original_deadline: ["原定时限", "Original deadline"],
  deadline_text: ["时限原文", "Deadline as worded"],
  responsible_unit: ["责任单位", "Responsible unit"],
  cooperating: ["协办单位", "Cooperating units"],
  ledger: ["台账", "Ledger"],
  found_on: ["发现日期", "Found on"],
  registered_on: ["立账日期", "Registered on"],
  closed_on: ["销号日期", "Closed on"],
  cycle: ["第 {n} 轮整改", "Cycle {n}"],
  measures: ["整改措施", "Measures"],
  no_measures: ["尚未制定措施", "No measures yet"],
  gates: ["三道关", "The three gates"],
  readiness: ["销号条件", "Ready for closing"],
  ready: ["条件已满足，可办理：{action}", "Nothing is missing. Next: {action}"],
  not_ready: ["尚缺", "Still missing"],
  finished: ["已了结", "Settled"],
  turn: ["下一步由谁办理", "Whose turn it is"],
  timeline: ["办理经过", "What happened"],
  newest_first: ["最近在前", "Newest first"],
  proof: ["存证状态", "Proof"],
  sealed: ["最近一步已封存于签名检查点，可离线核验", "The latest step is under a signed checkpoint and can be checked offline"],
  not_sealed: ["最近一步尚待封存，一般不超过一分钟", "The latest step is not sealed yet; this takes a minute at most"],
  events_recorded: ["已记录 {n} 步", "{n} steps recorded", "1 step recorded"],
  leaf: ["叶哈希", "Leaf hash"],
  tree_size: ["检查点长度", "Checkpoint size"],
  position: ["序号", "Position"],
  system: ["系统", "System"],
  on_behalf: ["代 {name}", "for {name}"],
  not_found: ["该事项不存在，或不在您的查看范围之内", "There is no such item, or you may not see it"],
  problem_happened: ["读取失败", "Could not be read"],
  retry: ["重试", "Try again"],
  with_filters: ["条件", "Filters"],
  main_nav: ["主导航", "Main"],
  set: ["统计口径", "Counted as"],
  numerator: ["分子", "numerator"],
  denominator: ["分母", "denominator"],
  from: ["期间起", "From"],
  to: ["期间止", "To"],
  percent_done: ["完成 {n}%", "{n}% done"],
};

let current = readStored("rectify-language") ?? ((navigator.language || "zh").toLowerCase().startsWith("zh") ? "zh-CN" : "en");

// Storage can be forbidden; then a choice lasts as long as the page.
export function readStored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // see readStored
  }
}

export const language = () => current;
export const english = () => current === "en";

export function speak(chosen) {
  current = chosen;
  store("rectify-language", chosen);
  document.documentElement.lang = chosen;
}

export function t(key, values = {}) {
  const [chinese, many, one] = WORDS[key];
  const text = english() ? (values.n === "1" && one) || many : chinese;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

// A name the API gives in both languages.
export const say = (label) => (label ? label[english() ? "en" : "zh"] : "");

export const count = (value) => (value === null || value === undefined ? "—" : value.toLocaleString(current));

const ZONE = "Asia/Shanghai";

export function day(value) {
  if (!value) return "—";
  const [year, month, date] = value.slice(0, 10).split("-").map(Number);
  return english() ? value.slice(0, 10) : `${year}年${month}月${date}日`;
}

export const dayOf = (instant) =>
  instant ? day(new Date(instant).toLocaleDateString("sv-SE", { timeZone: ZONE })) : "—";

export const clockTime = (instant) => new Date(instant).toLocaleTimeString("zh-CN", { timeZone: ZONE, hour12: false });

export function moment(instant) {
  const when = new Date(instant);
  const time = when.toLocaleTimeString("zh-CN", { timeZone: ZONE, hour12: false, hour: "2-digit", minute: "2-digit" });
  return `${dayOf(instant)} ${time}`;
}

// Amounts are kept in fen; people speak of ten thousands of yuan.
export function money(fen) {
  if (fen === null || fen === undefined) return "—";
  const yuan = fen / 100;
  if (english()) return `¥${yuan.toLocaleString("en", { maximumFractionDigits: 0 })}`;
  return yuan >= 10000
    ? `${(yuan / 10000).toLocaleString("zh-CN", { maximumFractionDigits: 2 })} 万元`
    : `${yuan.toLocaleString("zh-CN", { maximumFractionDigits: 0 })} 元`;
}
