// The charts: what the API counted, drawn. Each has the same figures as a table beside it, for keyboards and readers.
import { count, english, t } from "./i18n.js";

let library = null;
const drawn = new Map();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const size = (rem) => rem * parseFloat(getComputedStyle(document.documentElement).fontSize);
let calmly = false;
const still = () => calmly || matchMedia("(prefers-reduced-motion: reduce)").matches;
const font = () => getComputedStyle(document.body).fontFamily;

const watcher = new ResizeObserver((entries) => {
  for (const entry of entries) drawn.get(entry.target)?.chart.resize();
});

// `make` gives the options anew, since colours follow the theme and sizes follow the screen.
export async function draw(place, make, description) {
  library ??= await import("./echarts.esm.min.js");
  let entry = drawn.get(place);
  if (!entry) {
    entry = { chart: library.init(place, null, { renderer: "canvas" }) };
    drawn.set(place, entry);
    watcher.observe(place);
    entry.chart.on("click", (event) => {
      const address = event.data?.drill ?? entry.drills?.[event.dataIndex];
      if (address) location.hash = address;
    });
  }
  entry.make = make;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", description);
  entry.chart.setOption({ ...base(), ...make() }, { notMerge: true });
}

// Figures that only changed a little must not grow from nothing again on a wall.
export function calm(yes) {
  calmly = yes;
}

export function redraw() {
  for (const entry of drawn.values()) entry.chart.setOption({ ...base(), ...entry.make() }, { notMerge: true });
}

export function forget() {
  for (const [place, entry] of drawn) {
    watcher.unobserve(place);
    entry.chart.dispose();
  }
  drawn.clear();
}

function base() {
  return {
    animation: !still(),
    animationDuration: 400,
    textStyle: { fontFamily: font(), color: colour("ink-2"), fontSize: size(0.78) },
    // Drawn on the canvas: a tooltip of markup would need style attributes, which the page forbids.
    tooltip: {
      renderMode: "richText",
      backgroundColor: colour("raised"),
      borderColor: colour("line"),
      textStyle: { color: colour("ink"), fontFamily: font(), fontSize: size(0.78) },
      confine: true,
    },
  };
}

const axisLabel = () => ({ color: colour("ink-2"), fontSize: size(0.75), fontFamily: font() });
const legend = (more = {}) => ({
  icon: "roundRect",
  itemWidth: size(0.7),
  itemHeight: size(0.7),
  itemGap: size(1),
  textStyle: { color: colour("ink-2"), fontSize: size(0.78), fontFamily: font() },
  ...more,
});
const whole = { minInterval: 1, splitNumber: 4 };

// The closure rate as an arc; the figure itself is text of the page and not of the canvas.
export const gauge = (percent) => () => ({
  tooltip: { show: false },
  series: [
    {
      type: "gauge",
      startAngle: 205,
      endAngle: -25,
      min: 0,
      max: 100,
      radius: "100%",
      center: ["50%", "58%"],
      progress: { show: percent !== null, width: size(0.85), roundCap: true, itemStyle: { color: colour("done") } },
      axisLine: { roundCap: true, lineStyle: { width: size(0.85), color: [[1, colour("track")]] } },
      pointer: { show: false },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { show: false },
      detail: { show: false },
      silent: true,
      data: [{ value: percent ?? 0 }],
    },
  ],
});

export const months = (rows) => () => {
  const line = (key, tone, area) => ({
    name: t(key),
    type: "line",
    data: rows.map((row) => ({ value: row[key].count, drill: row[key].drill })),
    smooth: 0.25,
    smoothMonotone: "x",
    symbol: { registered: "circle", closed: "roundRect", reopened: "triangle" }[key],
    symbolSize: size(0.45),
    lineStyle: { width: size(0.14), color: colour(tone), type: key === "reopened" ? "dashed" : "solid" },
    itemStyle: { color: colour(tone) },
    areaStyle: area ? { color: colour(tone), opacity: 0.09 } : undefined,
    connectNulls: false,
  });
  return {
    tooltip: { ...base().tooltip, trigger: "axis", axisPointer: { lineStyle: { color: colour("line") } } },
    legend: legend({ top: 0, right: 0 }),
    grid: { left: size(0.4), right: size(0.9), top: size(2.4), bottom: 0, containLabel: true },
    xAxis: {
      type: "category",
      boundaryGap: false,
      data: rows.map((row) => row.month),
      axisLabel: {
        ...axisLabel(),
        // January says its year; the others only themselves.
        formatter: (month) => (month.endsWith("-01") ? month.replace("-", "/") : month.slice(5)),
        hideOverlap: true,
      },
      axisLine: { lineStyle: { color: colour("line") } },
      axisTick: { show: false },
    },
    yAxis: {
      type: "value",
      ...whole,
      axisLabel: axisLabel(),
      splitLine: { lineStyle: { color: colour("hair") } },
    },
    series: [line("registered", "open", true), line("closed", "done", true), line("reopened", "late", false)],
  };
};

// Bars of one group each, the largest on top: closed, in progress, sustaining in one, what is overdue below it in red.
export const units = (rows) => () => {
  const shown = [...rows].reverse();
  const bar = (code, tone, stack) => ({
    name: rows[0]?.cells[code]?.name ?? "",
    type: "bar",
    stack,
    barWidth: stack === "all" ? "46%" : "16%",
    barGap: "25%",
    itemStyle: { color: colour(tone), borderRadius: size(0.1) },
    data: shown.map((row) => ({ value: row.cells[code]?.count, drill: row.cells[code]?.drill })),
  });
  return {
    tooltip: { ...base().tooltip, trigger: "axis", axisPointer: { type: "shadow" } },
    legend: legend({ top: 0, right: 0, itemGap: size(0.7) }),
    grid: { left: size(0.2), right: size(1.6), top: size(2.2), bottom: 0, containLabel: true },
    // A narrow chart has its legend in two lines, which would lie on the first bar.
    media: [{ query: { maxWidth: size(english() ? 25.5 : 18.5) }, option: { grid: { top: size(3.6) } } }],
    xAxis: { type: "value", ...whole, axisLabel: axisLabel(), splitLine: { lineStyle: { color: colour("hair") } } },
    yAxis: {
      type: "category",
      data: shown.map((row) => row.name),
      axisLabel: { ...axisLabel(), color: colour("ink"), width: size(7), overflow: "truncate" },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    series: [
      bar("closed", "done", "all"),
      bar("in_progress", "open", "all"),
      bar("sustaining", "sustain", "all"),
      bar("overdue_open", "late", "late"),
    ],
  };
};

// One bar for each row, the largest on top, its count behind it.
export const bars = (rows, tone) => () => {
  const shown = [...rows].reverse();
  return {
    grid: { left: size(0.1), right: size(2.2), top: size(0.2), bottom: size(0.1), containLabel: true },
    xAxis: { type: "value", show: false },
    media: [{ query: { maxWidth: size(12) }, option: { yAxis: { axisLabel: { width: size(4.5) } } } }],
    yAxis: {
      type: "category",
      data: shown.map((row) => row.name),
      axisLabel: { ...axisLabel(), color: colour("ink"), width: size(7.2), overflow: "truncate" },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    series: [
      {
        type: "bar",
        barWidth: "52%",
        barMaxWidth: size(1.1),
        itemStyle: { color: colour(tone), borderRadius: [0, size(0.15), size(0.15), 0] },
        label: { show: true, position: "right", color: colour("ink"), fontSize: size(0.8), fontFamily: font(), formatter: ({ value }) => count(value) },
        data: shown.map((row) => ({ value: row.count, drill: row.drill })),
      },
    ],
  };
};
