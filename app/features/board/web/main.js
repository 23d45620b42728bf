// Which page is shown, the bar above it, and what happens when the ledger changes or a session ends.
import * as board from "./board.js";
import * as charts from "./charts.js";
import * as item from "./item.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as login from "./login.js";
import { get, session, signOut, whenSignedOut } from "./api.js";
import { fill, h } from "./dom.js";
import { english, language, readStored, speak, store, t } from "./i18n.js";
import { forgetNames, loadNames } from "./names.js";

const app = document.getElementById("app");
const dark = matchMedia("(prefers-color-scheme: dark)");
let me = null;
let place = null;
let turn = 0;
let later = null;
let state = "paused";

const theme = () => readStored("rectify-theme") ?? (dark.matches ? "dark" : "light");

function paint() {
  document.documentElement.dataset.theme = theme();
  charts.redraw();
}

function where() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const found = /^\/items\/([0-9a-f-]{36})$/.exec(path);
  if (found) return { page: item, name: "item", id: found[1] };
  if (path === "/items") return { page: list, name: "items", query: new URLSearchParams(query ?? "") };
  return { page: board, name: "board" };
}

async function render(again = false, changed = new Set()) {
  const at = where();
  if (again && at.id && changed.size && !changed.has(at.id)) return;
  const mine = ++turn;
  clearTimeout(later);
  const fresh = () => mine === turn && me !== null;
  const focused = again ? document.activeElement?.getAttribute("href") : null;
  if (!again) {
    charts.forget();
    document.title = `${t(at.name === "board" ? "board" : "items")} · ${t("title")}`;
    fill(place, h("p", { class: "loading", role: "status" }, t("loading")));
  }
  try {
    await loadNames();
    const asOf = await at.page.show(place, { ...at, fresh, again });
    if (!fresh()) return;
    // Figures are counted every few seconds for everybody: these may be from before the event that was heard of.
    if (asOf && Date.parse(asOf) < live.newest()) later = setTimeout(() => render(true), 1500);
    place.dataset.shown = at.name;
    if (focused) place.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (!again) scrollTo(0, 0);
  } catch (refusal) {
    if (refusal.status === 401 || !fresh()) return;
    if (again && refusal.status === 0) return; // the mark above says so; what is shown stays
    fill(place, h("div", { class: "notice", role: "alert" },
      h("p", {}, refusal.status === 0 ? t("offline") : `${t("problem_happened")}：${refusal.message}`),
      h("button", { class: "button", type: "button", onclick: () => render() }, t("retry"))));
  }
}

function mark() {
  return h("span", { class: `live is-${state}`, id: "live", role: "status" }, h("span", { class: "live-dot", "aria-hidden": "true" }), t(state));
}

function bar() {
  const at = where().name;
  const link = (name, address) => h("a", { href: address, "aria-current": at === name ? "page" : null }, t(name));
  const button = (text, title, act) => h("button", { class: "quiet", type: "button", title, onclick: act }, text);
  return h("header", { class: "bar" },
    h("a", { class: "brand", href: "#/" }, h("img", { src: "board/icon.svg", alt: "", width: 28, height: 28 }), t("title")),
    h("nav", { "aria-label": t("main_nav") }, link("board", "#/"), link("items", "#/items")),
    me.trial_mode ? h("span", { class: "trial" }, t("trial")) : null,
    h("div", { class: "bar-end" }, mark(),
      button(english() ? "中文" : "English", english() ? "中文" : "English", () => { speak(english() ? "zh-CN" : "en"); frame(); }),
      button(t(theme() === "dark" ? "to_light" : "to_dark"), t("theme"), () => { store("rectify-theme", theme() === "dark" ? "light" : "dark"); paint(); frameBar(); }),
      button(t("print"), t("print"), () => print()),
      h("span", { class: "who" }, me.name),
      button(t("sign_out"), t("sign_out"), leave)));
}

function frameBar() {
  app.querySelector(".bar")?.replaceWith(bar());
}

function frame() {
  place = h("main", { id: "main", tabindex: "-1" });
  fill(app, bar(), place);
  return render();
}

async function enter() {
  me = await get("v1/me");
  live.listen((changed) => render(true, changed), (now) => {
    state = now;
    document.getElementById("live")?.replaceWith(mark());
  });
  await frame();
}

function ask(note) {
  me = null;
  turn += 1;
  clearTimeout(later);
  live.hush();
  charts.forget();
  forgetNames();
  document.title = `${t("sign_in")} · ${t("title")}`;
  place = h("main", { id: "main", tabindex: "-1" });
  fill(app, place);
  login.show(place, enter, note);
}

async function leave() {
  try {
    await signOut();
  } finally {
    ask();
  }
}

whenSignedOut(() => me !== null && ask(t("session_over")));
addEventListener("hashchange", () => {
  if (me === null) return;
  frameBar();
  render();
});
dark.addEventListener("change", paint);
// Charts are drawn anew in the colours of paper, and again in those of the screen.
addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; charts.redraw(); });
addEventListener("afterprint", paint);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main")?.focus();
});
// Moments pass without events: an item becomes overdue at midnight. The figures are looked at again every five minutes.
setInterval(() => me !== null && document.visibilityState === "visible" && where().name === "board" && render(true), 300000);

speak(language());
paint();
(async function begin() {
  try {
    const told = await session();
    if (told && !told.must_change_password) await enter();
    else ask();
  } catch (refusal) {
    fill(app, h("main", { id: "main" }, h("div", { class: "notice", role: "alert" }, h("p", {}, refusal.status === 0 ? t("offline") : refusal.message),
      h("button", { class: "button", type: "button", onclick: begin }, t("retry")))));
  }
})();
