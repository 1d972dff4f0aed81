// Words, figures and small elements of the district's page.
export const WELL = ["ready", "busy", "opening", "absent"];
let words = {};
let language = "id";

export function useWords(name, table) {
  language = name;
  words = table;
}

export const has = (code) => code in words;
export const say = (code, values = {}) => (words[code] ?? code).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
export const named = (prefix, code) => words[`${prefix}_${code}`] ?? words[code] ?? code;
export const number = (value, digits = 0) => value.toLocaleString(language, { maximumFractionDigits: digits });
export const moment = (seconds) => (seconds == null ? "–" : new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" }));
export const size = (bytes) => `${number(bytes / 1e6, 2)}\u00a0MB`;
// "2026-11-20" as people say it.
export const date = (text) => new Date(`${text}T12:00`).toLocaleDateString(language, { weekday: "short", day: "numeric", month: "short" });
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const spans = (missing) => missing.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
export const deviceName = (name) => words[`device_${name}`] ?? (name.startsWith("ups-") ? `UPS ${name.slice(4)}` : name);

export function age(seconds) {
  if (seconds === null) return say("age_unknown");
  if (seconds < 90) return say("age_seconds", { number: Math.round(seconds) });
  if (seconds < 5400) return say("age_minutes", { number: Math.round(seconds / 60) });
  return say("age_hours", { number: Math.round(seconds / 3600) });
}

export function span(seconds) {
  if (seconds == null) return "?";
  const minutes = Math.round(seconds / 60);
  if (!seconds) return "–";
  if (minutes < 60) return say("span_minutes", { minutes });
  return say(minutes % 60 ? "span_hours" : "span_whole_hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

export function energy(wh) {
  if (wh == null) return "?";
  return wh < 1000 ? `${number(wh, wh < 10 ? 1 : 0)}\u00a0Wh` : `${number(wh / 1000, 1)}\u00a0kWh`;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null && child !== false).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

export const marked = (mark, ...children) => element("span", { class: mark || null }, ...children);
export const lines = (...found) => element("span", {}, ...found.filter(Boolean).map((line) => element("div", {}, line)));
