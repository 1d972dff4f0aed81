// The power report in plain words: how it is now, by day, by month, each outage. What is unknown is called unknown, never 0.
import { make, vector } from "./dom.js";
import { powerLine, sourceWords } from "./power.js";
import { alarmWords, capital, has, loadTexts, t, useLanguage } from "./texts.js";

const EVERY_MS = 5000;
const OLD_S = 10;
const SOURCES = ["mains", "battery", "genset", "dark"];
const DRAWS = ["idle", "preview", "capture", "print", "send"];
const el = (id) => document.getElementById(id);
const known = (value) => value !== null && value !== undefined;
let language = "id";

// --- figures as people read them ---
const number = (value, digits = 0) => value.toLocaleString(language, { maximumFractionDigits: digits });

function span(seconds) {
  if (!known(seconds)) return t("report_unknown");
  const minutes = Math.round(seconds / 60);
  if (seconds === 0) return "\u2013";
  if (minutes < 1) return t("span_seconds", { seconds: Math.round(seconds) });
  if (minutes < 60) return t("span_minutes", { minutes });
  return t(minutes % 60 ? "span_hours" : "span_whole_hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

function energy(wh) {
  if (!known(wh)) return t("report_unknown");
  return wh < 1000 ? `${number(wh, wh < 10 ? 1 : 0)}\u00a0Wh` : `${number(wh / 1000, 1)}\u00a0kWh`;
}

function day(name) {
  const [year, month, date] = name.split("-").map(Number);
  return new Date(year, month - 1, date || 1).toLocaleDateString(language, date ? { weekday: "short", day: "numeric", month: "short" } : { month: "long", year: "numeric" });
}

// Of "2026-11-21 14:02", the day as people say it.
const moment = (text) => `${day(text.slice(0, 10))}${text.slice(10)}`;

function figure(found, unit, digits = 0) {
  if (!found || !known(found.value)) return t("report_unknown");
  return `${number(found.value, digits)} ${unit}${found.age_s > OLD_S ? ` (${t("seconds_ago", { seconds: Math.round(found.age_s) })})` : ""}`;
}

// --- now ---
function now({ now: found, clock }) {
  const rows = [
    ["report_source", `${sourceWords(found)}`], ["report_since", span(found.source_s)],
    ["report_battery", lasts(found)],
    ["report_people_left", known(found.people_left) ? number(found.people_left) : t("report_unknown")],
    ["report_volts", `${figure(found.mains_v, "V")}, ${figure(found.mains_hz, "Hz", 1)}`],
    ["report_draw", known(found.draw_w) ? `${number(found.draw_w)} W` : t("report_unknown")],
    ["report_draws", draws(found.draws ?? {})], ["report_person", person(found.person)],
    ...(found.upses ?? []).map(battery), ...gensetRows(found.genset), ["report_computer", computer(found)],
    ["report_clock", has(`clock_${clock}`) ? t(`clock_${clock}`) : t("report_unknown")],
  ];
  return section("report_now", make("dl", { class: "now" }, ...rows.map(([code, words, values]) => make("div", {}, make("dt", {}, t(code, values)), make("dd", {}, words)))));
}

// What was not measured here is called a guess, or unknown.
function lasts({ minutes_low: low, minutes_high: high, upses }) {
  if (!known(low)) return t("report_unknown");
  const range = t("report_range", { low, high });
  return upses?.every((ups) => ups.learnt) ? range : t("report_guess", { figure: range });
}

function person(found) {
  if (!found || !known(found.seconds)) return t("report_unknown");
  const words = `${span(found.seconds)}${known(found.wh) ? `, ${energy(found.wh)}` : ""}`;
  return found.measured ? words : t("report_guess", { figure: words });
}

function draws(found) {
  const measured = DRAWS.filter((name) => known(found[name])).map((name) => `${t(`draw_${name}`)} ${number(found[name])} W`);
  return measured.length ? measured.join(", ") : t("report_unknown");
}

function battery(ups) {
  const health = known(ups.health_percent) ? t("report_health", { percent: Math.round(ups.health_percent) }) : t("report_health_unknown");
  const charge = known(ups.charge_w) ? t("report_charge", { watts: number(ups.charge_w) }) : t("report_charge_unknown");
  return ["report_ups", `${figure(ups.charge_percent, "%")}; ${health}; ${charge}`, { name: ups.name }];
}

const computer = ({ board, host }) => `${figure({ value: known(board?.mv?.value) ? board.mv.value / 1000 : null, age_s: board?.mv?.age_s }, "V", 2)}, ${known(host?.temperature_c) ? `${number(host.temperature_c)} \u00b0C` : t("report_unknown")}`;

function gensetRows(genset) {
  if (!genset) return [];
  return [
    ["device_genset", t(genset.code, { alarms: alarmWords(genset.alarms ?? []) })],
    ["report_fuel", known(genset.fuel_hours) ? t("report_fuel_left", { hours: number(genset.fuel_hours, 1), people: genset.fuel_people ?? "?" }) : t("report_unknown")],
    ["report_genset_hours", known(genset.run_hours?.value) ? t("report_hours_service", { hours: number(genset.run_hours.value, 1), service: known(genset.service_in_h) ? number(genset.service_in_h) : "?" }) : t("report_unknown")],
    ...(known(genset.test_in_days) ? [["report_genset_test", t("report_in_days", { days: Math.ceil(genset.test_in_days) })]] : []),
    ...(genset.rpm?.value > 0 ? [["report_engine", engine(genset)]] : []),
  ];
}

const engine = (genset) => [figure(genset.volts, "V"), figure(genset.hz, "Hz", 1), t("report_oil", { figure: figure(genset.oil_kpa, "kPa") }), t("report_coolant", { figure: figure(genset.coolant_c, "\u00b0C") })].join(", ");

// --- by day and month ---
const COLUMNS = {
  report_day: (row) => day(row.day),
  report_share: (row) => bar(row),
  report_outages: (row) => (row.outages ? make("span", { class: "bad" }, number(row.outages)) : "\u2013"),
  report_outage_time: (row) => two(span(row.outage_s), row.outages > 1 && t("report_longest", { span: span(row.longest_outage_s) }), row.dark_s > 0 && t("report_dark", { span: span(row.dark_s) })),
  report_quality: (row) => quality(row),
  report_genset: (row) => span(row.genset_s),
  report_people: (row) => number(row.people),
  report_energy: (row) => energy(row.energy_wh),
  report_each: (row) => (known(row.wh_per_person) ? energy(row.wh_per_person) : "\u2013"),
  report_stops: (row) => two(row.orderly_stops ? t("report_orderly", { count: row.orderly_stops }) : row.unplanned_stops ? "" : "\u2013", row.unplanned_stops && t("report_unplanned", { count: row.unplanned_stops })),
};

function two(first, ...others) {
  return make("span", {}, first, ...others.filter(Boolean).map((words) => make("small", {}, words)));
}

function quality(row) {
  if (!known(row.lowest_v)) return t("report_unknown");
  const faults = [["low_voltage_s", "report_low"], ["high_voltage_s", "report_high"], ["flicker_s", "report_flicker"]].filter(([name]) => row[name] > 0);
  const words = faults.map(([name, code]) => make("small", { class: "bad" }, t(code, { span: span(row[name]) })));
  return make("span", {}, `${number(row.lowest_v)}\u2013${number(row.highest_v)} V`, ...(words.length ? words : [make("small", {}, t("report_good"))]));
}

function bar(row) {
  const parts = Object.fromEntries(SOURCES.map((name) => [name, Math.max(0, row[`${name}_s`] ?? 0)]));
  const whole = Object.values(parts).reduce((sum, one) => sum + one, 0) || 1;
  const words = SOURCES.filter((name) => parts[name] > 0).map((name) => `${t(`source_${name}`)} ${span(parts[name])}`).join(", ");
  const drawing = vector("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": words || t("report_unknown") });
  let x = 0;
  for (const name of SOURCES) {
    const width = (100 * parts[name]) / whole;
    drawing.append(vector("rect", { class: name, x, y: 0, width, height: 10 }));
    x += width;
  }
  return drawing;
}

function table(code, rows) {
  if (!rows.length) return section(code, make("p", {}, t("report_nothing")));
  const head = make("tr", {}, ...Object.keys(COLUMNS).map((name) => make("th", { scope: "col" }, t(name))));
  const body = rows.map((row) => make("tr", {}, ...Object.values(COLUMNS).map((words, column) => (column ? make("td", {}, words(row)) : make("th", { scope: "row" }, words(row))))));
  return section(code, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t(code) }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body))));
}

function legend() {
  return make("p", { class: "legend" }, ...SOURCES.map((name) => make("span", {}, vector("svg", { viewBox: "0 0 18 12", "aria-hidden": "true" }, vector("rect", { class: name, width: 18, height: 12 })), t(`source_${name}`))));
}

// The day is said again only when it is another one.
function until({ from, to }) {
  if (!known(to)) return "";
  return to.startsWith(from.slice(0, 10)) ? to.slice(11) : moment(to);
}

function outages(rows) {
  if (!rows.length) return section("report_each_outage", make("p", {}, t("report_no_outage")));
  const lines = rows.map((row) => make("li", {}, t(known(row.to) ? "report_outage" : "report_outage_now", { from: moment(row.from), to: until(row), span: span(row.s) }),
    row.genset_s > 0 ? ` ${t("report_with_genset", { span: span(row.genset_s) })}` : "", row.dark_s > 0 ? ` ${capital(t("report_dark", { span: span(row.dark_s) }))}.` : ""));
  return section("report_each_outage", make("ul", {}, ...lines));
}

const section = (code, ...children) => make("section", {}, make("h2", {}, t(code)), ...children);

// This month in one sentence.
function lead({ months }) {
  const month = months[0];
  if (!month) return null;
  const code = month.outages ? "report_lead" : "report_lead_good";
  return make("p", { class: "lead" }, t(code, { month: day(month.day), outages: month.outages, outage: span(month.outage_s), people: number(month.people), each: known(month.wh_per_person) ? energy(month.wh_per_person) : t("report_unknown") }));
}

function draw(report) {
  el("report").replaceChildren(...[make("p", { class: "line" }, ...powerLine(report.now).filter(Boolean)), lead(report), now(report), table("report_days", report.days), legend(), table("report_months", report.months), outages(report.outages)].filter(Boolean));
}

function frame(station) {
  document.title = el("title").textContent = t("power_report");
  el("station").textContent = station.name;
  const link = (href, code, kind = "") => make("a", { class: `button ${kind}`, href, download: href.startsWith("/api") ? `${t("report_file")}.csv` : null }, t(code));
  el("tools").replaceChildren(link("/", "report_back", "go"), make("button", { type: "button", onclick: () => print() }, t("report_print")), link("/api/power.csv", "report_csv_days"), link("/api/power.csv?by=month", "report_csv_months"));
}

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

async function refresh() {
  try {
    const [station, report] = await Promise.all([ask("/api/state"), ask("/api/power")]);
    if (language !== station.language || !el("title").textContent) {
      language = station.language;
      useLanguage(language);
      frame(station.station);
    }
    draw(report);
    el("trouble").hidden = true;
  } catch {
    el("trouble").textContent = t("connection_lost");
    el("trouble").hidden = false;
  }
}

await loadTexts();
await refresh();
setInterval(() => document.hidden || refresh(), EVERY_MS);
