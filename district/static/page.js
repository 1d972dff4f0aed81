// The district's page: asks the JSON addresses every few seconds and draws them. All words come from /api/texts/LANGUAGE.
const EVERY_MS = 5000;
const STATION_COLUMNS = ["station", "heard", "stored", "waiting", "quarantined", "missing", "health"];
const RECORD_COLUMNS = ["register", "station", "received", "state", "content", "exceptions", "duration"];
const EVENT_COLUMNS = ["station", "received", "event", "detail"];
const WELL = ["ready", "busy", "opening", "absent"];
const OTHER = { id: "en", en: "id" };
let language = localStorage.getItem("language") ?? "id";
let words = {};

const at = (id) => document.getElementById(id);
const say = (code, values = {}) => (words[code] ?? code).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const ask = async (name) => {
  const answer = await fetch(`/api/${name}`);
  if (!answer.ok) throw new Error(name);
  return answer.json();
};

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function row(cells, className = "") {
  const made = document.createElement("tr");
  made.className = className;
  made.append(...cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));
  return made;
}

const moment = (seconds) => (seconds === null ? "–" : new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" }));
const size = (bytes) => `${(bytes / 1e6).toLocaleString(language, { maximumFractionDigits: 2 })} MB`;
const spans = (missing) => missing.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");

function age(seconds) {
  if (seconds === null) return say("age_unknown");
  if (seconds < 90) return say("age_seconds", { number: Math.round(seconds) });
  if (seconds < 5400) return say("age_minutes", { number: Math.round(seconds / 60) });
  return say("age_hours", { number: Math.round(seconds / 3600) });
}

function drawSummary(found) {
  document.title = at("name").textContent = say("title", { name: found.name });
  const code = found.alarms ? "summary_alarms" : found.waiting ? "summary_waiting" : "summary_good";
  at("summary").textContent = say(code, found);
  at("link").hidden = found.link.connected;
  at("link").textContent = say("link_lost", found.link);
}

function drawAlarms(found) {
  const lines = found.map((alarm) => {
    const line = element("li", `${alarm.station}: ${say(`alarm_${alarm.kind}`, alarm)} `);
    line.append(element("small", say("alarm_times", { count: alarm.count, last: moment(alarm.last_s), detail: alarm.detail })));
    return line;
  });
  at("alarms").replaceChildren(...(lines.length ? lines : [element("li", say("no_alarms"), "none")]));
}

// The document is unsigned: whatever shape it has, it only becomes text.
function healthWords({ pw, q, dev, disk, up }) {
  const broken = Object.entries(dev ?? {}).filter(([, state]) => !WELL.includes(state)).map(([name]) => say(`device_${name}`));
  return [
    pw?.src && say("health_power", { source: say(`source_${pw.src}`) }),
    Number.isFinite(pw?.min) && say("health_minutes", { number: pw.min }),
    broken.length && say("health_broken", { names: broken.join(", ") }),
    q?.waiting > 0 && say("health_queue", { number: q.waiting }),
    Number.isFinite(disk?.enrolments) && say("health_room", { number: disk.enrolments }),
    Number.isFinite(up) && say("health_up", { number: Math.round(up / 360) / 10 }),
  ].filter(Boolean);
}

// What this district signed last, and what the station says it keeps to.
function policyWords({ policy, health }) {
  if (!policy) return [];
  return [say(health?.pol === policy ? "policy_kept" : "policy_not_yet", { number: policy })];
}

function health(station) {
  const cell = element("td", "");
  for (const line of policyWords(station)) cell.append(element("div", line));
  for (const line of station.health ? healthWords(station.health) : []) cell.append(element("div", line));
  cell.append(element("small", station.health ? age(station.health_age_s) : "–"));
  return cell;
}

function drawStations(found) {
  at("stations").replaceChildren(...found.map((station) => row([
    element("td", station.station, station.certified ? "" : "bad"),
    station.alive ? element("td", say("connected"), "good") : say("last_entry", { time: moment(station.last_entry_s) }),
    station.stored, station.waiting, element("td", station.quarantined, station.quarantined ? "bad" : ""),
    element("td", spans(station.missing) || "–", station.missing.length ? "bad" : ""), health(station),
  ], station.alive ? "" : "silent")));
}

function drawRecords(found) {
  at("records").replaceChildren(...found.map((record) => row([
    record.register, record.station, moment(record.received_s),
    element("td", say(`state_${record.state}`) + (record.recapture ? ` · ${say("recapture")}` : ""), record.state === "stored" ? "good" : record.state === "waiting" ? "" : "bad"),
    record.state === "waiting" ? `${size(record.bytes_here)} / ${size(record.bytes)}` : size(record.bytes),
    record.exceptions.length || "–", say("minutes", { number: (record.duration_s / 60).toLocaleString(language, { maximumFractionDigits: 1 }) }),
  ])));
}

function drawEvents(found) {
  at("events").replaceChildren(...found.map((event) => row([
    event.station, moment(event.received_s), element("td", words[`event_${event.event}`] ?? event.event, event.event === "fault" ? "bad" : ""),
    Object.entries(event.detail).map(([name, value]) => `${words[`detail_${name}`] ?? name}: ${words[`device_${value}`] ?? value}`).join(" · "),
  ])));
}

async function speak() {
  words = await ask(`texts/${language}`);
  document.documentElement.lang = language;
  at("language").textContent = say("language_other");
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = say(place.dataset.text);
  at("stations-head").replaceChildren(...STATION_COLUMNS.map((name) => element("th", say(`column_${name}`))));
  at("events-head").replaceChildren(...EVENT_COLUMNS.map((name) => element("th", say(`column_${name}`))));
  at("records-head").replaceChildren(...RECORD_COLUMNS.map((name) => element("th", say(`column_${name}`))));
}

async function refresh() {
  try {
    const [summary, alarms, stations, records, events] = await Promise.all(["summary", "alarms", "stations", "records", "events"].map(ask));
    drawSummary(summary);
    drawAlarms(alarms);
    drawStations(stations);
    drawRecords(records);
    drawEvents(events);
  } catch {
    at("link").hidden = false;
    at("link").textContent = say("page_lost");
  }
}

at("language").addEventListener("click", async () => {
  language = OTHER[language];
  localStorage.setItem("language", language);
  await speak();
  await refresh();
});
await speak();
await refresh();
setInterval(refresh, EVERY_MS);
