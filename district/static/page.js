// The district's page: asks the JSON addresses every few seconds and draws them. All words come from /api/texts/LANGUAGE.
import { DEVICES, EVENTS, POWER, RECORDS, STATIONS, devicesOf } from "./tables.js";
import { WELL, element, moment, number, say, useWords } from "./words.js";

const EVERY_MS = 5000;
const OTHER = { id: "en", en: "id" };
const RECORD_STATES = ["all", "waiting", "held"];
const PAGE = 50;
const SECTIONS = ["alarms", "stations", "devices", "power", "records", "events"];
let language = localStorage.getItem("language") ?? "id";
let shown = { state: "all", before: null };

const at = (id) => document.getElementById(id);
const ask = async (name) => {
  const answer = await fetch(`/api/${name}`);
  if (!answer.ok) throw new Error(name);
  return answer.json();
};

function drawSummary(found, stations, devices) {
  document.title = at("name").textContent = say("title", { name: found.name });
  at("link").hidden = found.link.connected;
  at("link").textContent = say("link_lost", found.link);
  const broken = new Set(devices.filter((row) => !row.repaired).map((row) => `${row.station}/${row.device}`));
  for (const station of stations) for (const [name, state] of Object.entries(station.health?.dev ?? {})) if (!WELL.includes(state)) broken.add(`${station.station}/${name}`);
  const code = found.alarms ? "summary_alarms" : broken.size ? "summary_broken" : found.waiting ? "summary_waiting" : "summary_good";
  at("summary").textContent = say(code, { alarms: number(found.alarms), stored: number(found.stored), today: number(found.today), waiting: number(found.waiting), broken: number(broken.size) });
  const people = stations.reduce((sum, station) => sum + (station.people ?? 0), 0);
  const tiles = [
    ["stored", people ? `${number(found.stored)} / ${number(people)}` : number(found.stored)], ["today", number(found.today)], ["waiting", number(found.waiting)],
    ["held", number(found.quarantined + found.rejected), found.quarantined + found.rejected], ["silent", number(stations.filter((one) => !one.alive).length), stations.some((one) => !one.alive)],
    ["broken", number(broken.size), broken.size],
  ];
  at("tiles").replaceChildren(...tiles.map(([name, value, bad]) => element("div", { class: bad ? "bad" : null }, element("dt", {}, say(`tile_${name}`)), element("dd", {}, value))));
}

// --- sections ---
function frame() {
  at("language").textContent = say("language_other");
  at("places").replaceChildren(...SECTIONS.map((name) => element("a", { href: `#${name}` }, say(name))));
  at("sections").replaceChildren(...SECTIONS.map((name) => element("section", { id: name, "aria-labelledby": `${name}-title` },
    element("h2", { id: `${name}-title` }, say(name)), name === "records" ? recordTools() : null, element("div", { class: "scroll", tabindex: name === "alarms" ? null : "0", id: `${name}-rows` }))));
}

function table(name, columns, rows, className = () => null) {
  if (!rows.length) return at(`${name}-rows`).replaceChildren(element("p", { class: "none" }, say(`no_${name}`)));
  const head = element("tr", {}, ...Object.keys(columns).map((column) => element("th", { scope: "col" }, say(`column_${column}`))));
  const body = rows.map((row) => element("tr", { class: className(row) }, ...Object.values(columns).map((cell) => element("td", {}, cell(row)))));
  at(`${name}-rows`).replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function drawAlarms(found) {
  const rows = found.map((alarm) => element("li", {}, element("b", {}, `${alarm.station}: `), `${say(`alarm_${alarm.kind}`, alarm)} `,
    element("small", {}, say("alarm_times", { count: alarm.count, last: moment(alarm.last_s), detail: alarm.detail }))));
  at("alarms-rows").replaceChildren(rows.length ? element("ul", {}, ...rows) : element("p", { class: "none" }, say("no_alarms")));
}

function recordTools() {
  const choose = (state) => element("button", { type: "button", "data-state": state, "aria-pressed": String(shown.state === state), onclick: () => look({ state, before: null }) }, say(`records_${state}`));
  return element("div", { class: "tools" }, ...RECORD_STATES.map(choose), element("button", { type: "button", id: "older", hidden: true }, say("records_older")));
}

async function look(at_) {
  shown = at_;
  for (const button of document.querySelectorAll("[data-state]")) button.setAttribute("aria-pressed", String(button.dataset.state === shown.state));
  await refresh();
}

function drawRecords(found) {
  table("records", RECORDS, found);
  at("older").hidden = found.length < PAGE;
  at("older").onclick = () => look({ ...shown, before: found.at(-1).number });
}

const recordsAddress = () => `records?limit=${PAGE}&state=${shown.state}${shown.before === null ? "" : `&before=${shown.before}`}`;

async function refresh() {
  try {
    const [summary, alarms, stations, equipment, power, records, events] = await Promise.all(["summary", "alarms", "stations", "equipment", "power", recordsAddress(), "events"].map(ask));
    const devices = devicesOf(equipment);
    drawSummary(summary, stations, devices);
    drawAlarms(alarms);
    table("stations", STATIONS, stations, (row) => (row.alive ? null : "silent"));
    table("devices", DEVICES, devices);
    table("power", POWER, power);
    drawRecords(records);
    table("events", EVENTS, events.filter(({ event }) => event !== "power_day"));
  } catch {
    at("link").hidden = false;
    at("link").textContent = say("page_lost");
  }
}

async function speak() {
  useWords(language, await ask(`texts/${language}`));
  document.documentElement.lang = language;
  frame();
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
