// What ids and codes are called: asked for once a session, since names seldom change.
import { all, get } from "./api.js";
import { english, t } from "./i18n.js";

const known = { units: new Map(), ledgers: new Map(), categories: new Map(), sources: new Map(), enums: new Map(), metrics: new Map(), ready: null };

async function load() {
  const [units, ledgers, categories, sources, enums, metrics] = await Promise.all([
    all("v1/units", 5000),
    all("v1/ledgers"),
    all("v1/categories"),
    get("v1/source-types?limit=200"),
    get("v1/meta/enums"),
    get("v1/metrics"),
  ]);
  known.units = new Map(units.map((unit) => [unit.id, unit.short_name || unit.name]));
  known.ledgers = new Map(ledgers.map((ledger) => [ledger.id, ledger.name]));
  known.categories = new Map(categories.map((category) => [category.code, { zh: category.name_zh, en: category.name_en }]));
  known.sources = new Map(sources.items.map((source) => [source.code, { zh: source.name_zh, en: source.name_en }]));
  known.enums = new Map(enums.enums.map((one) => [one.name, one.values]));
  known.metrics = new Map(metrics.items.map((metric) => [metric.code, metric]));
}

export function loadNames() {
  known.ready ??= load().catch((refusal) => {
    known.ready = null;
    throw refusal;
  });
  return known.ready;
}

export function forgetNames() {
  known.ready = null;
}

const spoken = (label, code) => (label ? label[english() ? "en" : "zh"] || label.zh : code);

export const unitName = (id) => (id ? known.units.get(id) ?? "—" : "—");
export const ledgerName = (id) => known.ledgers.get(id) ?? "—";
export const categoryName = (code) => (code ? spoken(known.categories.get(code), code) : t("no_key"));
export const sourceName = (code) => spoken(known.sources.get(code), code);
export const metricName = (code) => spoken(known.metrics.get(code)?.label, code);
// What a figure counts, in words: the definition the API works by.
export const formula = (code) => spoken(known.metrics.get(code)?.formula, null);
export const valuesOf = (name) => known.enums.get(name) ?? [];

export function label(name, value) {
  if (value === null || value === undefined) return "—";
  return spoken(valuesOf(name).find((entry) => entry.value === value), value);
}

export const choices = {
  source_type: () => [...known.sources].map(([code, name]) => [code, spoken(name, code)]),
  category: () => [...known.categories].map(([code, name]) => [code, spoken(name, code)]),
  unit_id: () => [...known.units],
  ledger_id: () => [...known.ledgers],
};
