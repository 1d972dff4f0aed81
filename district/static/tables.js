// What each table of the district's page shows: column -> cell of a row. Health is unsigned: whatever shape it has, it only becomes text.
import { WELL, age, capital, date, deviceName, element, energy, has, lines, marked, moment, named, number, say, size, span, spans } from "./words.js";

const GOOD = { stored: "good", waiting: "" };

// --- stations ---
function healthWords({ pw, q, dev, disk, up }) {
  const broken = Object.entries(dev ?? {}).filter(([, state]) => !WELL.includes(state)).map(([name]) => deviceName(name));
  return [
    pw?.src && say("health_power", { source: named("source", pw.src) }),
    Number.isFinite(pw?.min) && say(Number.isFinite(pw?.people) ? "health_minutes_people" : "health_minutes", { number: pw.min, people: pw.people }),
    broken.length && marked("bad", say("health_broken", { names: broken.join(", ") })),
    q?.waiting > 0 && say("health_queue", { number: q.waiting }),
    Number.isFinite(disk?.enrolments) && disk.enrolments < 1000 && say("health_room", { number: disk.enrolments }),
    Number.isFinite(up) && say("health_up", { number: number(up / 3600, 1) }),
  ];
}

// What this district signed last, and what the station says it keeps to.
function policyWords({ policy, health }) {
  return policy ? say(health?.pol === policy ? "policy_kept" : "policy_not_yet", { number: policy }) : null;
}

function coverage({ stored, people }) {
  if (!people) return number(stored);
  const meter = element("meter", { min: 0, max: people, value: stored, "aria-label": say("column_coverage") });
  return lines(say("coverage", { percent: number((100 * stored) / people, 1), stored: number(stored), people: number(people) }), meter);
}

export const STATIONS = {
  station: (row) => marked(row.certified ? "" : "bad", element("b", {}, row.station), row.certified ? null : ` ${say("not_certified")}`),
  heard: (row) => (row.alive ? marked("good", say("connected")) : say("last_entry", { time: moment(row.last_entry_s) })),
  coverage,
  waiting: (row) => row.waiting || "–",
  quarantined: (row) => marked(row.quarantined ? "bad" : "", row.quarantined || "–"),
  missing: (row) => marked(row.missing.length ? "bad" : "", spans(row.missing) || "–"),
  health: (row) => lines(policyWords(row), ...(row.health ? healthWords(row.health) : []), element("small", {}, row.health ? age(row.health_age_s) : "–")),
};

// --- devices: the newest word about each ---
export function devicesOf(events) {
  const found = new Map();
  for (const { station, received_s: at, event, detail } of events) {
    const key = `${station}/${detail.device}`, row = found.get(key) ?? { station, device: detail.device, faults: 0 };
    row.repaired ??= event === "repaired" && !row.fault ? at : null;
    if (event === "fault") {
      row.fault ??= at;
      row.code ??= detail.code;
      row.faults += 1;
    }
    if (event === "equipment") row.who ??= [detail.model, detail.serial].filter(Boolean).join(" ");
    if (event === "maintained") row.care ??= { act: detail.act, at };
    found.set(key, row);
  }
  return [...found.values()].filter((row) => row.fault).sort((one, other) => Boolean(one.repaired) - Boolean(other.repaired));
}

export const DEVICES = {
  station: (row) => row.station,
  device: (row) => lines(deviceName(row.device), row.who && element("small", {}, row.who)),
  now: (row) => (row.repaired ? marked("good", say("device_well")) : marked("bad", say("device_broken"))),
  what: (row) => (has(row.code) ? capital(say(row.code, { device: deviceName(row.device) })) : row.code),
  since: (row) => moment(row.fault),
  repaired: (row) => lines(moment(row.repaired), row.care && element("small", {}, `${named("act", row.care.act)} ${moment(row.care.at)}`)),
  times: (row) => row.faults,
};

// --- power ---
function voltage({ lowest_v: lowest, highest_v: highest, low_voltage_s: low, high_voltage_s: high, flicker_s: flicker }) {
  if (lowest == null) return "?";
  const faults = [low && say("voltage_low", { span: span(low) }), high && say("voltage_high", { span: span(high) }), flicker && say("voltage_flicker", { span: span(flicker) })].filter(Boolean);
  return lines(`${lowest}–${highest} V`, ...faults.map((words) => marked("bad", words)));
}

export const POWER = {
  station: (row) => row.station,
  day: (row) => date(row.day),
  outages: (row) => (row.outages ? marked("bad", row.outages) : "–"),
  outage_time: (row) => lines(span(row.outage_s), row.dark_s > 0 && element("small", {}, say("dark", { span: span(row.dark_s) }))),
  genset: (row) => span(row.genset_s),
  voltage,
  people: (row) => row.people ?? "?",
  energy: (row) => lines(energy(row.energy_wh), row.people > 0 && row.energy_wh !== undefined && element("small", {}, say("energy_each", { energy: energy(row.energy_wh / row.people) }))),
  stops: (row) => lines(row.orderly_stops > 0 && say("stops_orderly", { count: row.orderly_stops }), row.unplanned_stops > 0 && marked("bad", say("stops_sudden", { count: row.unplanned_stops }))),
};

// --- records ---
function state(row) {
  const why = row.reason && has(`held_${row.reason}`) ? element("small", {}, say(`held_${row.reason}`)) : null;
  return lines(marked(GOOD[row.state] ?? "bad", say(`state_${row.state}`)), why, row.recapture && say("recapture"), row.urgent && say("urgent"));
}

function exceptions({ exceptions: found }) {
  return found.length ? lines(...found.map(({ kind, position, reason }) => `${has(`target_${kind}_${position}`) ? say(`target_${kind}_${position}`) : named("target", kind)}: ${named("reason", reason)}`)) : "–";
}

export const RECORDS = {
  register: (row) => row.register,
  station: (row) => row.station,
  received: (row) => moment(row.received_s),
  state,
  content: (row) => (row.state === "waiting" ? `${size(row.bytes_here)} / ${size(row.bytes)}` : size(row.bytes)),
  exceptions,
  duration: (row) => say("minutes", { number: number(row.duration_s / 60, 1) }),
};

// --- events ---
export const EVENTS = {
  station: (row) => row.station,
  received: (row) => moment(row.received_s),
  event: (row) => marked(row.event === "fault" ? "bad" : "", has(`event_${row.event}`) ? say(`event_${row.event}`) : row.event),
  detail: (row) => Object.entries(row.detail).filter(([name]) => name !== "why").map(([name, value]) => `${has(`detail_${name}`) ? say(`detail_${name}`) : name}: ${name === "device" ? deviceName(value) : named("reason", value)}`).join(" · "),
};
