// 用生成的 TypeScript 类型办一件事：登录、翻页、起草、流转、看还缺什么、处理拒绝。
// One piece of work with the generated types: sign in, page, draft, move, see what is missing, be refused.
// RECTIFY_URL, RECTIFY_USERNAME and RECTIFY_PASSWORD say where and who.
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Problem = Schemas["Problem"];

// 服务说不：程序看 code 和 rule，人看 detail。The service said no.
class RefusedError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail} ${problem.errors.map((entry) => entry.rule)}`);
  }
}

interface Answer<T> {
  data?: T;
  error?: Problem;
  response: Response;
}

// 答复的内容；拒绝则抛出。What was answered, or the refusal.
function accepted<T>({ data, error, response }: Answer<T>): T {
  if (error) throw new RefusedError(error);
  if (data === undefined) throw new Error(`没有内容 nothing was answered: ${response.status}`);
  return data;
}

// 应当被拒绝的请求得到的拒绝。The refusal that was expected.
function refused({ error, response }: Answer<unknown>): Problem {
  if (!error) throw new Error(`应当被拒绝 this should have been refused: ${response.status}`);
  return error;
}

function etagOf({ response }: Answer<unknown>): string {
  const etag = response.headers.get("ETag");
  if (etag === null) throw new Error("没有 ETag no ETag");
  return etag;
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`请设置 please set ${name}`);
  return value;
}

const api = createClient<paths>({ baseUrl: setting("RECTIFY_URL") });

// 登录，之后每个请求都带令牌。Every request carries the token from here on.
async function signIn(): Promise<void> {
  const token = accepted(
    await api.POST("/v1/auth/token", {
      body: { username: setting("RECTIFY_USERNAME"), password: setting("RECTIFY_PASSWORD") },
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
  );
  api.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token.access_token}`);
    },
  });
}

// 沿 next_cursor 翻到底；null 才是末页。Follows the cursor; null is the only end.
async function countItems(): Promise<number> {
  let seen = 0;
  let cursor: string | undefined;
  do {
    const page = accepted(await api.GET("/v1/items", { params: { query: { limit: 3, cursor } } }));
    seen += page.items.length;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return seen;
}

// 起草一次；同一个幂等键再发一次，得到的还是这一件。The same key again gives the same item.
async function draft(): Promise<{ itemId: string; etag: string }> {
  const ledger = accepted(await api.GET("/v1/ledgers")).items[0];
  const post = accepted(await api.GET("/v1/me")).posts[0];
  if (!ledger || !post) throw new Error("没有台账或任职 no ledger or no post");
  const body: Schemas["ItemIn"] = {
    ledger_id: ledger.id,
    title: "低值易耗品领用无签字",
    description: "领用登记簿近两个月有二十余笔没有领用人签字。",
    source: { type: "self_inspection" },
    category: "finance_assets",
    found_on: new Date().toISOString().slice(0, 10),
    responsible_unit_id: post.unit_id,
  };
  const header = { "Idempotency-Key": randomUUID() };
  const first = await api.POST("/v1/items", { params: { header }, body });
  const again = await api.POST("/v1/items", { params: { header }, body });
  const made = accepted(first);
  if (again.response.headers.get("Idempotent-Replayed") !== "true" || accepted(again).id !== made.id) {
    throw new Error("重复请求建立了第二件 a retry made a second item");
  }
  return { itemId: made.id, etag: etagOf(first) };
}

// 每次办理用一个新的幂等键，重试才用旧的。A new key for each attempt, the old one only for a retry.
async function transition(itemId: string, etag: string, body: Schemas["TransitionSubmit"] | Schemas["TransitionRegister"]) {
  const header = { "Idempotency-Key": randomUUID(), "If-Match": etag };
  return api.POST("/v1/items/{item_id}/transitions", { params: { path: { item_id: itemId }, header }, body });
}

// 提交，再立账；ETag 过时是 412，条件不满足是 409。Outdated is 412, unmet conditions are 409.
async function move(itemId: string, etag: string): Promise<void> {
  const submitted = await transition(itemId, etag, { action: "submit" });
  console.log("提交 submitted:", accepted(submitted).item.state);

  const found = accepted(await api.GET("/v1/items/{item_id}/duplicates", { params: { path: { item_id: itemId } } }));
  const duplicates = found.items.map((one) => ({ item_id: one.item_id, verdict: "different" as const }));
  const outdated = refused(await transition(itemId, etag, { action: "register", data: { duplicates } }));
  console.log("版本过时 outdated:", outdated.status, outdated.code, "current_version", outdated.current_version);

  const current = etagOf(submitted);
  const unmet = refused(await transition(itemId, current, { action: "register", data: { duplicates } }));
  console.log("条件不满足 unmet:", unmet.status, unmet.code, unmet.errors.map((entry) => entry.rule));

  const data = { duplicates, severity: "general" as const };
  const { item } = accepted(await transition(itemId, current, { action: "register", data }));
  console.log("立账 registered:", item.number, item.state);
}

await signIn();
console.log("登录 signed in:", accepted(await api.GET("/v1/me")).name);
console.log("事项 items:", await countItems());
const { itemId, etag } = await draft();
await move(itemId, etag);
const ready = accepted(
  await api.GET("/v1/items/{item_id}/closing-readiness", { params: { path: { item_id: itemId } } }),
);
console.log("可以销号 ready:", ready.ready, "下一步 next:", ready.next_action);
for (const gate of ready.gates) {
  console.log(" ", gate.gate, gate.status, gate.missing.map((missing) => missing.rule));
}
