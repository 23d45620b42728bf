// The board: one answer of GET /v1/dashboard laid out. Nothing is computed here, so nothing can differ from the API.
import * as charts from "./charts.js";
import { now } from "./api.js";
import { fill, h, lamp } from "./dom.js";
import { clockTime, count, language, money, say, t } from "./i18n.js";
import { formula, unitName } from "./names.js";

const LAMPS = [["red", "red"], ["yellow", "yellow"], ["blue", "blue"], ["green", "green"], ["none", "grey"]];
const TONES = { closed: "done", in_progress: "open", sustaining: "sustain", overdue_open: "late" };
const STACKED = ["closed", "in_progress", "sustaining", "overdue_open"];
const MOST_UNITS = 10;
const MOST_BARS = 9;
const asTable = new Set();

// The list behind a figure, as an address of these pages.
export const listOf = (drill) => (drill ? `#/items?${drill.split("?")[1] ?? ""}` : null);
const isRate = (figure) => figure.value_unit === "percent";

const withheld = () => h("abbr", { title: t("few") }, "＊");
// A count without a definition of its own; null is one of too few to be told of.
const counted = (value) => (value === null ? withheld() : count(value));

function shown(figure) {
  if (figure.suppressed) return withheld();
  if (figure.value === null) return "—";
  if (figure.value_unit === "count") return count(figure.numerator);
  return isRate(figure) ? `${figure.value}%` : figure.value;
}

function linked(address, attributes, ...children) {
  return address ? h("a", { href: address, ...attributes }, ...children) : h("span", attributes, ...children);
}

function tile(code, label, value, address, note) {
  return h("li", {},
    linked(address, { class: `tile tone-${TONES[code] ?? "plain"}`, "data-metric": code, title: formula(code) },
      h("span", { class: "tile-label" }, label),
      h("span", { class: "tile-value" }, value),
      h("span", { class: "tile-note" }, note ?? "")));
}

// A new figure of the API appears by itself: rates in the list beside the arc, all else as tiles.
function tiles(told) {
  const rates = new Map(told.figures.filter(isRate).map((one) => [one.metric, one]));
  const notes = { closed: rates.get("closure_rate"), overdue_open: rates.get("overdue_rate") };
  const note = (one) => {
    if (one.value_unit === "days") return t("days_of_month", { n: count(one.denominator) });
    const rate = notes[one.metric];
    return rate ? [say(rate.label), " ", shown(rate)] : null;
  };
  const last = told.months.at(-1);
  return h("ul", { class: "tiles" },
    told.figures.filter((one) => !isRate(one)).map((one) =>
      tile(one.metric, say(one.label), shown(one), listOf(one.drill.denominator ?? one.drill.numerator), note(one))),
    tile("due_this_week", t("due_week"), shown(told.due_this_week), listOf(told.due_this_week.drill.numerator)),
    last ? tile("reopened_month", t("reopened_month"), counted(last.reopened.count), listOf(last.reopened.drill)) : null);
}

function panel(name, title, ...children) {
  return h("section", { class: `panel panel-${name}`, "aria-labelledby": `title-${name}` },
    h("div", { class: "panel-head" }, h("h2", { id: `title-${name}` }, title)), ...children);
}

// A chart and its table are two views of the same rows; the button chooses.
function charted(name, title, make, table, note = null) {
  const chart = h("div", { class: "chart" });
  const rows = h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `${title} · ${t("as_table")}` }, table);
  const button = h("button", { class: "quiet", type: "button", onclick: toggle });
  function toggle() {
    if (asTable.has(name)) asTable.delete(name);
    else asTable.add(name);
    show();
  }
  function show() {
    const table = asTable.has(name);
    chart.hidden = table;
    rows.hidden = !table;
    button.textContent = t(table ? "as_chart" : "as_table");
    button.setAttribute("aria-label", `${title}：${button.textContent}`);
    if (!table) requestAnimationFrame(() => chart.isConnected && charts.draw(chart, make, title));
  }
  const made = panel(name, title, chart, rows, note);
  made.firstChild.append(button);
  show();
  return made;
}

function cell(address, value) {
  return h("td", { class: "figure" }, address ? h("a", { href: address }, value) : value);
}

function rates(told) {
  const rows = told.figures.filter(isRate);
  const [first] = rows;
  const chart = h("div", { class: "chart gauge-arc" });
  const made = panel("rates", t("rates"));
  if (first) {
    requestAnimationFrame(() => chart.isConnected && charts.draw(chart, charts.gauge(first.percent === null ? null : Number(first.percent)), say(first.label)));
    const arc = h("div", { class: "gauge" }, chart,
      linked(listOf(first.drill.numerator), { class: "gauge-text", "data-metric": first.metric, title: formula(first.metric) },
        h("strong", {}, shown(first)), h("span", {}, say(first.label)),
        h("small", {}, first.suppressed ? t("few") : `${count(first.numerator)} / ${count(first.denominator)}`)));
    made.append(h("div", { class: "rates-body" }, arc, h("ul", { class: "rates" }, rows.slice(1).map(rate))));
  }
  return made;
}

function rate(one) {
  const width = one.percent === null ? 0 : Math.min(Number(one.percent), 100);
  const title = one.suppressed ? t("few") : `${count(one.numerator)} / ${count(one.denominator)}  ${formula(one.metric) ?? ""}`;
  return h("li", {},
    linked(listOf(one.drill.numerator), { class: "rate", "data-metric": one.metric, title },
      h("span", { class: "rate-label" }, say(one.label)),
      h("span", { class: "rate-value" }, shown(one)),
      h("span", { class: `rate-bar ${one.metric === "overdue_rate" ? "is-late" : ""}`, vars: { "--share": `${width}%` } })));
}

function lights(told) {
  return panel("lights", t("lights"), h("ul", { class: "lights" },
    LAMPS.map(([key, light]) => h("li", {},
      linked(listOf(told.lights[key].drill), { class: `light light-${light}`, "data-light": light },
        lamp(light), h("span", {}, t(`light_${light}`)), h("strong", {}, counted(told.lights[key].count)))))));
}

function months(told) {
  const rows = told.months.map((row) => Object.fromEntries(["registered", "closed", "reopened"].map(
    (key) => [key, { count: row[key].count, drill: listOf(row[key].drill) }]).concat([["month", row.month]])));
  const table = h("table", {},
    h("thead", {}, h("tr", {}, ["month", "registered", "closed", "reopened"].map((key) => h("th", { scope: "col", class: key === "month" ? null : "figure" }, t(key))))),
    h("tbody", {}, rows.map((row) => h("tr", { "data-month": row.month }, h("th", { scope: "row" }, row.month),
      ["registered", "closed", "reopened"].map((key) => cell(row[key].drill, counted(row[key].count)))))));
  return charted("months", t("months"), charts.months(rows), table);
}

// A chart has room for so many; the table holds them all.
const cut = (groups, most) => (groups.length > most ? h("p", { class: "cut" }, t("first_of", { n: count(most), all: count(groups.length) })) : null);

function cellsOf(group) {
  return Object.fromEntries(group.figures.map((one) => [one.metric,
    { name: say(one.label), count: one.numerator, drill: listOf(one.drill.numerator), figure: one }]));
}

const nameOf = (group) => (group.key === null ? t("no_key") : say(group.name));

function groupTable(groups) {
  const columns = groups[0]?.figures ?? [];
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("name")), columns.map((one) => h("th", { scope: "col", class: "figure" }, say(one.label))))),
    h("tbody", {}, groups.map((group) => h("tr", { "data-key": group.key ?? "" }, h("th", { scope: "row" }, nameOf(group)),
      group.figures.map((one) => cell(listOf(one.drill.numerator), shown(one)))))));
}

function units(told) {
  const rows = told.by_unit.slice(0, MOST_UNITS).map((group) => ({ name: nameOf(group), cells: cellsOf(group) }));
  const stacked = rows.map((row) => ({ ...row, cells: Object.fromEntries(STACKED.map((code) => [code, row.cells[code]])) }));
  return charted("units", t("by_unit"), charts.units(stacked), groupTable(told.by_unit), cut(told.by_unit, MOST_UNITS));
}

function bars(name, title, groups, tone) {
  const rows = groups.map((group) => ({ name: nameOf(group), count: group.figures[0]?.numerator ?? null, drill: listOf(group.figures[0]?.drill.numerator) }));
  return charted(name, title, charts.bars(rows.slice(0, MOST_BARS), tone), groupTable(groups), cut(groups, MOST_BARS));
}

function overdue(told) {
  const rows = told.overdue_items.map((item) => h("li", {}, h("a", { href: `#/items/${item.id}`, class: "late-item" },
    lamp(item.light),
    h("span", { class: "late-title" }, item.title ?? t("masked")),
    h("span", { class: "late-days" }, t("days_late", { n: count(item.overdue_days) })),
    h("span", { class: "late-unit" }, `${item.number ?? ""} ${unitName(item.lead_unit_id)}`))));
  return panel("overdue", t("overdue_list"), rows.length ? h("ol", { class: "late" }, rows) : h("p", { class: "empty" }, t("nothing_overdue")));
}

function outcomes(told) {
  return panel("outcomes", t("outcomes"), h("dl", { class: "outcomes" }, told.outcomes.map((one) => h("div", { "data-outcome": one.kind },
    h("dt", {}, say(one.name)),
    h("dd", {}, linked(one.items ? listOf(one.drill) : null, { title: one.items === null ? null : t("in_items", { n: count(one.items) }) },
      h("strong", {}, one.amount_fen ? money(one.amount_fen) : counted(one.count))))))));
}

let drawn = "";
// What the figures say, without the moment they are of.
const content = (told) => JSON.stringify(told, (name, value) => (name === "as_of" || name === "generated_at" ? undefined : value)) + language();
const asOf = (told) => h("time", { datetime: told.as_of }, `${t("as_of")} ${clockTime(told.as_of)}`);

export async function show(place, { fresh, again }) {
  const told = await now("v1/dashboard");
  if (!fresh()) return null;
  const time = place.querySelector(".board time");
  if (again && time && drawn === content(told)) {
    time.replaceWith(asOf(told));
    place.firstChild.dataset.asOf = told.as_of;
    return told.as_of;
  }
  drawn = content(told);
  charts.calm(again);
  const scope = told.scope.whole_tree ? t("whole") : told.scope.unit_ids.slice(0, 3).map(unitName).join("、") || t("my_scope");
  charts.forget();
  fill(place, h("div", { class: "board", "data-as-of": told.as_of },
    h("h1", { class: "board-title" }, t("board"), h("span", {}, scope), asOf(told)),
    tiles(told),
    h("div", { class: "panels" }, rates(told), months(told), lights(told), units(told), overdue(told),
      bars("sources", t("by_source"), told.by_source, "tone-1"), bars("categories", t("by_category"), told.by_category, "tone-2"), outcomes(told))));
  return told.as_of;
}
