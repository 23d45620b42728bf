// One item: its facts, measures, gates, what is missing for closing, what happened, and whether that is proven.
import { Refusal, all, get } from "./api.js";
import { fill, h } from "./dom.js";
import { count, day, dayOf, moment, t } from "./i18n.js";
import { lightOf, stateChip } from "./list.js";
import { categoryName, label, ledgerName, sourceName, unitName, valuesOf } from "./names.js";

const MARK = { passed: "✓", waived: "✓", failed: "✕", not_evaluable: "–", pending: "○" };

// What one part cannot give must not hide the others: the caller may read an item and not its proof.
async function orNull(asked) {
  try {
    return await asked;
  } catch (refusal) {
    if (refusal instanceof Refusal && [403, 404].includes(refusal.status)) return null;
    throw refusal;
  }
}

function section(name, title, ...children) {
  return h("section", { class: `card card-${name}`, "aria-labelledby": `card-${name}` }, h("h2", { id: `card-${name}` }, title), children);
}

const fact = (key, value) => (value && value !== "—" ? h("div", {}, h("dt", {}, t(key)), h("dd", {}, value)) : null);

function facts(item) {
  return section("facts", t("facts"),
    h("p", { class: "description" }, item.description ?? (item.masked_fields.includes("description") ? t("masked") : "—")),
    h("dl", { class: "facts" },
      fact("ledger", ledgerName(item.ledger_id)),
      fact("source", [sourceName(item.source.type), item.source.document].filter(Boolean).join(" · ")),
      fact("category", item.category ? categoryName(item.category) : null),
      fact("severity", label("severity", item.severity)),
      fact("mode", label("mode", item.mode)),
      fact("confidentiality", label("confidentiality", item.confidentiality)),
      fact("lead_unit", unitName(item.lead_unit_id)),
      fact("responsible_unit", unitName(item.responsible_unit_id)),
      fact("cooperating", item.cooperating_unit_ids.map(unitName).join("、")),
      fact("deadline_text", item.deadline?.text),
      fact("due", day(item.due_on)),
      fact("original_deadline", item.deadline?.original_date && item.deadline.original_date !== item.due_on ? day(item.deadline.original_date) : null),
      fact("found_on", day(item.found_on)),
      fact("registered_on", dayOf(item.registered_at)),
      fact("closed_on", dayOf(item.closed_at))));
}

function measures(rows) {
  if (!rows?.length) return section("measures", t("measures"), h("p", { class: "empty" }, t("no_measures")));
  return section("measures", t("measures"), h("ol", { class: "measures" }, rows.map((one) => h("li", {},
    h("p", {}, one.content ?? t("masked")),
    h("p", { class: "measure-note" },
      h("span", {}, label("measure_status", one.status)), h("span", {}, unitName(one.unit_id)), one.due_on ? h("span", {}, day(one.due_on)) : null),
    h("div", { class: "meter" }, h("span", { class: "share", vars: { "--share": `${one.percent}%` } }), h("span", { class: "figure" }, `${one.percent}%`))))));
}

function missing(rows) {
  return rows.length ? h("ul", { class: "missing" }, rows.map((one) => h("li", { "data-rule": one.rule }, one.detail))) : null;
}

function gates(item, readiness) {
  const rows = readiness?.gates ?? Object.entries(item.gates).map(([gate, status]) => ({ gate, status, missing: [] }));
  return section("gates", t("gates"), h("ul", { class: "gates" }, rows.map((one) => h("li", { class: `gate gate-${one.status}`, "data-gate": one.gate },
    h("p", { class: "gate-name" }, h("span", { class: "gate-mark", "aria-hidden": "true" }, MARK[one.status] ?? "○"), label("gate", one.gate)),
    h("p", { class: "gate-status" }, label("gate_status", one.status)),
    missing(one.missing)))));
}

function ready(item, readiness) {
  if (!readiness) return null;
  if (valuesOf("state").find((one) => one.value === item.state)?.terminal) {
    return section("readiness", t("readiness"), h("p", { class: "ready" }, readiness.guards[0]?.detail ?? t("finished")));
  }
  const action = readiness.next_action ? label("action", readiness.next_action) : null;
  const said = readiness.ready && action
    ? h("p", { class: "ready is-ready" }, t("ready", { action }))
    : readiness.guards.length ? h("p", { class: "ready" }, t("not_ready")) : h("p", { class: "ready" }, action ?? t("finished"));
  const chain = readiness.chain.length
    ? h("ol", { class: "chain" }, readiness.chain.map((step) => h("li", { class: step.signed ? "is-signed" : "" }, h("span", { "aria-hidden": "true" }, step.signed ? "✓ " : "○ "), step.label)))
    : null;
  const movers = item.next_movers.length
    ? [h("h3", {}, t("turn")), h("ul", { class: "movers" }, item.next_movers.map((one) => h("li", {}, `${label("role", one.role)} · ${unitName(one.unit_id)}`)))]
    : null;
  return section("readiness", t("readiness"), said, missing(readiness.guards), chain, movers);
}

const who = (actor) =>
  actor.kind === "system"
    ? t("system")
    : [actor.name, actor.unit_name, actor.on_behalf_of_name ? t("on_behalf", { name: actor.on_behalf_of_name }) : null].filter(Boolean).join(" · ");

function timeline(events) {
  return section("timeline", t("timeline"), h("p", { class: "hint" }, `${t("events_recorded", { n: count(events.length) })} · ${t("newest_first")}`),
    h("ol", { class: "timeline" }, [...events].reverse().map((event) => h("li", { class: event.to_state && event.to_state !== event.from_state ? "is-step" : "" },
      h("time", { datetime: event.at }, moment(event.at)),
      h("p", { class: "event-name" }, event.label ? (event.label[document.documentElement.lang === "en" ? "en" : "zh"]) : event.type,
        event.to_state && event.to_state !== event.from_state ? [" ", stateChip(event.to_state)] : null),
      h("p", { class: "event-who" }, who(event.actor)),
      event.comment ? h("p", { class: "event-comment" }, event.comment) : null))));
}

function proof(last, found) {
  const size = found?.checkpoint.split("\n")[1];
  return section("proof", t("proof"),
    h("p", { class: `ready ${found ? "is-ready" : ""}`, "data-sealed": String(Boolean(found)) }, t(found ? "sealed" : "not_sealed")),
    h("dl", { class: "facts" },
      fact("position", last?.position ? count(last.position) : null),
      fact("tree_size", size ? count(Number(size)) : null),
      last ? h("div", {}, h("dt", {}, t("leaf")), h("dd", {}, h("code", {}, last.leaf_hash))) : null));
}

export async function show(place, { id, fresh }) {
  let item;
  try {
    item = await get(`v1/items/${id}`);
  } catch (refusal) {
    if (refusal.status !== 404) throw refusal;
    if (fresh()) fill(place, h("div", { class: "page" }, h("p", { class: "empty" }, t("not_found")), h("p", {}, h("a", { href: "#/items" }, t("all_items")))));
    return;
  }
  const [rows, readiness, events] = await Promise.all([
    orNull(all(`v1/items/${id}/measures`)),
    orNull(get(`v1/items/${id}/closing-readiness`)),
    orNull(all(`v1/items/${id}/events`, 2000)),
  ]);
  const last = events?.at(-1);
  const found = last?.position ? await orNull(get(`v1/trail/entries/${last.position - 1}/proof`)) : null;
  if (!fresh()) return;
  const title = item.title ?? t("masked");
  document.title = `${item.number ?? ""} ${title} · ${t("title")}`;
  fill(place, h("article", { class: "page item", "data-id": item.id },
    h("header", { class: "item-head" },
      h("p", { class: "item-number" }, item.number ?? "—", item.cycle > 1 ? ` · ${t("cycle", { n: item.cycle })}` : ""),
      h("h1", {}, title),
      h("p", { class: "item-tags" }, stateChip(item.state), lightOf(item.light),
        item.overdue_days > 0 ? h("strong", { class: "late-days" }, t("days_late", { n: count(item.overdue_days) })) : null,
        h("span", { class: "meter" }, h("span", { class: "share", vars: { "--share": `${item.progress.percent}%` } }), t("percent_done", { n: item.progress.percent })))),
    h("div", { class: "item-columns" },
      h("div", {}, gates(item, readiness), ready(item, readiness), facts(item), measures(rows)),
      h("div", {}, proof(last, found), events ? timeline(events) : null))));
}
