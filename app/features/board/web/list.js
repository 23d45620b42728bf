// A list of items: the one behind a figure, or any other the filters describe. The address says all of it.
import { get } from "./api.js";
import { fill, h, lamp } from "./dom.js";
import { count, day, english, moment, t } from "./i18n.js";
import { categoryName, choices, label, ledgerName, metricName, sourceName, unitName, valuesOf } from "./names.js";

const PAGE = 50;
const SORTS = [["due_on", "by_due"], ["-updated_at", "by_updated"], ["-registered_at", "by_registered"], ["number", "by_number"]];
const LIGHTS = ["red", "yellow", "blue", "green", "grey"];
const OWN = new Set(["q", "state", "light", "source_type", "lead_unit_id", "sort", "limit", "cursor", "include"]);

function address(query) {
  const text = query.toString();
  return text ? `#/items?${text}` : "#/items";
}

function go(query, name, value) {
  const next = new URLSearchParams(query);
  if (value) next.set(name, value);
  else next.delete(name);
  location.hash = address(next);
}

function select(query, name, text, options) {
  const chosen = query.get(name) ?? "";
  const known = options.some(([value]) => value === chosen);
  const list = known || !chosen ? options : [...options, [chosen, chosen.split(",").map((value) => label(name, value)).join("、")]];
  return h("label", { class: "field" }, h("span", {}, text),
    h("select", { onchange: (event) => go(query, name, event.target.value) },
      h("option", { value: "" }, t("any")),
      list.map(([value, shown]) => h("option", { value, selected: value === chosen }, shown))));
}

function filters(query) {
  const search = h("input", { type: "search", name: "q", value: query.get("q") ?? "", minlength: 2, maxlength: 100, placeholder: t("search_hint") });
  return h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); go(query, "q", search.value.trim()); } },
    h("label", { class: "field field-wide" }, h("span", {}, t("search")), search),
    select(query, "state", t("state"), valuesOf("state").map((one) => [one.value, english() ? one.en : one.zh])),
    select(query, "light", t("light"), LIGHTS.map((light) => [light, t(`light_${light}`)])),
    select(query, "source_type", t("source"), choices.source_type()),
    select(query, "lead_unit_id", t("lead_unit"), choices.unit_id()),
    h("label", { class: "field" }, h("span", {}, t("sort")),
      h("select", { onchange: (event) => go(query, "sort", event.target.value) },
        SORTS.map(([value, key]) => h("option", { value, selected: value === (query.get("sort") ?? "due_on") }, t(key))))));
}

const NAMED = {
  unit_id: "unit", unit_subtree: "unit", lead_unit_id: "lead_unit", responsible_unit_id: "responsible_unit", ledger_id: "ledger",
  category: "category", severity: "severity", mode: "mode", source_type: "source", period_from: "from", period_to: "to", as_of: "as_of",
};
const TOLD = {
  unit_id: unitName, unit_subtree: unitName, responsible_unit_id: unitName, ledger_id: ledgerName, category: categoryName,
  severity: (value) => label("severity", value), mode: (value) => label("mode", value), period_from: day, period_to: day, as_of: moment,
};

// Filters that have no field of their own came with a figure; each can be taken off.
function chips(query) {
  const rest = [...query].filter(([name]) => !OWN.has(name));
  if (!rest.length) return null;
  return h("ul", { class: "chips", "aria-label": t("with_filters") }, rest.map(([name, value]) => {
    const shown = told(name, value);
    return h("li", {}, h("button", { type: "button", class: "chip", "aria-label": t("clear", { name: shown }), onclick: () => go(query, name, "") }, shown, h("span", { "aria-hidden": "true" }, " ×")));
  }));
}

function told(name, value) {
  if (name === "set") {
    const [metric, part] = value.split(".");
    return `${t("set")}：${metricName(metric)} · ${t(part === "denominator" ? "denominator" : "numerator")}`;
  }
  const text = NAMED[name] ? t(NAMED[name]) : name;
  if (name === "without") return `${t("no_key")}：${value.split(",").map((one) => (NAMED[one] ? t(NAMED[one]) : one)).join("、")}`;
  return `${text}：${TOLD[name]?.(value) ?? value}`;
}

export const stateChip = (state) => h("span", { class: `chip-state state-${state}` }, label("state", state));
export const lightOf = (light) => h("span", { class: `light-tag light-${light}` }, lamp(light), t(`light_${light}`));

function row(item) {
  const due = item.overdue_days > 0
    ? h("strong", { class: "late-days" }, t("days_late", { n: count(item.overdue_days) }))
    : h("span", {}, day(item.due_on));
  return h("tr", { "data-id": item.id },
    h("td", { class: "number" }, item.number ?? "—"),
    h("th", { scope: "row" }, h("a", { href: `#/items/${item.id}` }, item.title ?? t("masked")), h("small", {}, sourceName(item.source_type))),
    h("td", {}, stateChip(item.state)),
    h("td", {}, lightOf(item.light)),
    h("td", {}, unitName(item.lead_unit_id ?? item.responsible_unit_id)),
    h("td", {}, due),
    h("td", { class: "done" }, h("span", { class: "share", vars: { "--share": `${item.progress_percent}%` } }), `${item.progress_percent}%`));
}

function pageOf(query, cursor) {
  const asked = new URLSearchParams(query);
  asked.set("limit", PAGE);
  if (!asked.has("sort")) asked.set("sort", SORTS[0][0]);
  if (cursor) asked.set("cursor", cursor);
  else asked.set("include", "total");
  return get(`v1/items?${asked}`);
}

const totalText = (page) => (page.total_relation === "gte" ? t("at_least", { n: count(page.total) }) : t("of_total", { n: count(page.total) }));

export async function show(place, { query, fresh, again }) {
  if (again) return; // a list somebody reads does not move under their eyes
  let page;
  try {
    page = await pageOf(query, null);
  } catch (refusal) {
    if (refusal.status !== 422 || !fresh()) throw refusal;
    // What was asked for can be set right only where it is still to be seen.
    fill(place, h("div", { class: "page" }, h("h1", {}, t("items")), filters(query), chips(query),
      h("p", { class: "empty", role: "alert" }, refusal.message)));
    return;
  }
  if (!fresh()) return;
  const body = h("tbody", {}, page.items.map(row));
  const more = h("button", { type: "button", class: "button", onclick: further }, t("more"));
  const shown = h("span", {});
  let cursor = page.next_cursor;
  const tell = () => {
    more.hidden = !cursor;
    shown.textContent = t("shown", { n: count(body.rows.length) });
  };
  async function further() {
    more.disabled = true;
    try {
      const next = await pageOf(query, cursor);
      body.append(...next.items.map(row));
      cursor = next.next_cursor;
      tell();
    } finally {
      more.disabled = false;
    }
  }
  tell();
  fill(place, h("div", { class: "page" },
    h("h1", {}, t("items"), h("span", { class: "total", "data-total": page.total }, totalText(page))),
    filters(query), chips(query),
    page.items.length
      ? h("div", { class: "table-scroll items-scroll", tabindex: "0", role: "region", "aria-label": t("all_items") },
          h("table", { class: "items" },
            h("thead", {}, h("tr", {}, ["number", "problem", "state", "light", "lead_unit", "due", "progress"].map((key) => h("th", { scope: "col" }, t(key))))), body))
      : h("p", { class: "empty" }, t("no_items")),
    h("p", { class: "list-end" }, shown, more)));
}
