// Signing in, and setting a password of one's own where somebody else chose it.
import { changePassword, signIn } from "./api.js";
import { fill, h } from "./dom.js";
import { english, speak, t } from "./i18n.js";

function field(name, text, type, complete) {
  const input = h("input", { id: name, name, type, autocomplete: complete, required: true, maxlength: 1000 });
  return { input, node: h("label", { class: "field", for: name }, h("span", {}, text), input) };
}

function form(button, fields, note, submit) {
  const error = h("p", { class: "error", role: "alert" });
  const send = h("button", { class: "button primary", type: "submit" }, button);
  return h("form", {
    class: "login", method: "post",
    async onsubmit(event) {
      event.preventDefault();
      error.textContent = "";
      send.disabled = true;
      try {
        await submit();
      } catch (refusal) {
        error.textContent = refusal.status === 0 ? t("offline") : [refusal.title, refusal.retryAfter ? t("wait_seconds", { n: refusal.retryAfter }) : refusal.message].join("。");
      } finally {
        send.disabled = false;
      }
    },
  }, h("h1", {}, t("title")), note ? h("p", { class: "hint" }, note) : null, fields.map((one) => one.node), error, send);
}

// `done` is called once somebody is signed in with a password of their own.
export function show(place, done, note) {
  const name = field("username", t("username"), "text", "username");
  const word = field("password", t("password"), "password", "current-password");
  async function submit() {
    const told = await signIn(name.input.value.trim(), word.input.value);
    if (told.must_change_password) own(place, name.input.value.trim(), word.input.value, done);
    else await done();
  }
  const other = h("button", { class: "quiet", type: "button", onclick: () => { speak(english() ? "zh-CN" : "en"); show(place, done); } }, english() ? "中文" : "English");
  fill(place, h("div", { class: "login-page" }, h("div", {}, form(t("sign_in"), [name, word], note || t("tagline"), submit), h("p", { class: "login-end" }, other))));
  name.input.focus();
}

function own(place, username, before, done) {
  const first = field("new-password", t("new_password"), "password", "new-password");
  const second = field("new-password-again", t("new_password_again"), "password", "new-password");
  async function submit() {
    if (first.input.value !== second.input.value) throw Object.assign(new Error(t("not_the_same")), { title: t("not_the_same") });
    await changePassword(before, first.input.value);
    await signIn(username, first.input.value);
    await done();
  }
  fill(place, h("div", { class: "login-page" }, h("div", {}, form(t("set_password"), [first, second], t("must_change"), submit))));
  first.input.focus();
}
