// Listens to what happens in the ledger. Several events close together lead to one look at the figures.
let source = null;
let timer = null;
let heard = () => {};
let told = () => {};
let waitedFrom = 0;
let latest = 0;
let subjects = new Set();

const QUIET_MS = 1200;
const LONGEST_MS = 5000;
const AGAIN_MS = 10000;

function tell() {
  timer = null;
  waitedFrom = 0;
  const changed = subjects;
  subjects = new Set();
  heard(changed);
}

// When the newest event heard of was recorded; figures from before it are looked at again.
export const newest = () => latest;

function happened() {
  waitedFrom ||= Date.now();
  const rest = Math.max(0, Math.min(QUIET_MS, waitedFrom + LONGEST_MS - Date.now()));
  clearTimeout(timer);
  timer = setTimeout(tell, rest);
}

function open() {
  source?.close();
  source = new EventSource("v1/events/stream");
  source.onopen = () => told("live");
  source.onmessage = (event) => {
    const subject = JSON.parse(event.data);
    latest = Math.max(latest, Date.parse(subject.at));
    if (subject.subject_kind !== "item") return;
    subjects.add(subject.subject_id);
    happened();
  };
  source.addEventListener("problem", () => {
    // The next question to the API says why, and leads to the page for signing in.
    source.close();
    told("paused");
    tell();
  });
  source.onerror = () => {
    told("offline");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => {
      if (source?.readyState === EventSource.CLOSED && document.visibilityState === "visible") {
        open();
        tell();
      }
    }, AGAIN_MS);
  };
}

// `onChange` is called with the ids of what changed (none when nobody knows), `onState` with live, offline or paused.
export function listen(onChange, onState) {
  heard = onChange;
  told = onState;
  if (!source || source.readyState === EventSource.CLOSED) open();
  else told(source.readyState === EventSource.OPEN ? "live" : "offline");
}

export function hush() {
  clearTimeout(timer);
  timer = null;
  waitedFrom = 0;
  source?.close();
  source = null;
  heard = () => {};
}

// A browser opens few connections to one host: a page nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (!source) return;
  if (document.visibilityState === "hidden") {
    source.close();
    told("paused");
  } else if (source.readyState === EventSource.CLOSED) {
    open();
    tell();
  }
});
