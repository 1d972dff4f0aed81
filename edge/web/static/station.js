// The line to the station: snapshots in, events out.
import { t } from "./texts.js";

const LOST_AFTER_MS = 2000;
const TOAST_MS = 6000;
let latest = null, lost = null;

export function snapshot() {
  return latest;
}

export function follow(onSnapshot, onLost) {
  const source = new EventSource("/api/stream");
  source.onmessage = (message) => {
    clearTimeout(lost);
    lost = null;
    onLost(false);
    latest = JSON.parse(message.data);
    onSnapshot(latest);
  };
  source.onerror = () => {
    lost ??= setTimeout(() => onLost(true), LOST_AFTER_MS);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => followAgain(onSnapshot, onLost), LOST_AFTER_MS);
  };
}

// A station in safe mode answers everything with its one page: that is what the operator must see.
async function followAgain(onSnapshot, onLost) {
  const answer = await fetch("/api/state").catch(() => null);
  if (answer?.status === 503) location.reload();
  else follow(onSnapshot, onLost);
}

// `onSeen`: the touch counts only while the screen is the one it was made on.
export async function send(event, fields = {}, onSeen = false) {
  const body = { event, ...fields, ...(onSeen && latest ? { version: latest.version } : {}) };
  try {
    const answer = await fetch("/api/events", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok && said.error !== "too_late" && said.error !== "not_now") toast(`${said.text} ${said.next}`);
    return answer.ok;
  } catch {
    toast(t("connection_lost"));
    return false;
  }
}

let fading = null;
export function toast(text) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { element.hidden = true; }, TOAST_MS);
}
