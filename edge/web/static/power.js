// Power in plain words: the line on every screen, and the panel with the genset's one button.
import { icon, make } from "./dom.js";
import { alarmWords, has, t } from "./texts.js";

const TURN_OFF = ["starting", "resting", "warm_up", "testing", "on_load", "looking"];
const CALM = ["idle", "starting", "warm_up"];
const LOOK_AT = {
  genset_did_not_start: ["fuel", "starter", "emergency_stop", "oil"],
  genset_not_auto: ["auto"],
  genset_refused: ["auto", "technician"],
  genset_not_loaded: ["breaker", "technician"],
  genset_no_voltage: ["breaker", "technician"],
  genset_unstable: ["load", "technician"],
  genset_died: ["fuel", "oil", "coolant"],
  genset_alarm: ["oil", "coolant", "emergency_stop", "technician"],
  genset_too_many_starts: ["wait", "fuel", "starter"],
  genset_will_not_stop: ["emergency_stop", "technician"],
  genset_stop_unknown: ["technician"],
};

export function sourceWords({ source, minutes, people_left: people, sentence }) {
  if (sentence && has(sentence.id)) return t(sentence.id, sentence.values);
  if (source === "battery") {
    if (minutes == null) return t("power_battery_unknown");
    return t(people == null ? "power_battery_minutes" : "power_battery", { minutes: Math.round(minutes), people });
  }
  return t(has(`power_${source}`) ? `power_${source}` : "power_unknown");
}

// What is left behind the source: on mains and on the genset the battery, on the genset the fuel too.
export function leftWords({ source, minutes, people_left: people, genset, notices }) {
  const fuel = source === "genset" ? fuelWords(genset, "power_fuel_left") : null;
  if (fuel) return fuel;
  if (source === "battery" || !source || source === "unknown") return null;
  if (notices?.some(({ id }) => id === "ups_empty")) return t("power_reserve_none");
  if (minutes == null) return t("power_reserve_unknown");
  return t(people == null ? "power_reserve_minutes" : "power_reserve", { minutes: Math.round(minutes), people });
}

export function powerLine(power) {
  return [make("span", { class: `power ${power.source ?? ""}` }, sourceWords(power)), " ", leftWords(power) && make("span", { class: "left" }, leftWords(power))];
}

function fuelWords(genset, code) {
  if (genset?.fuel_hours == null) return null;
  const values = { percent: Math.round(genset.fuel_percent), hours: hours(genset.fuel_hours), people: genset.fuel_people };
  return t(genset.fuel_people == null ? `${code}_hours` : code, values);
}

const hours = (number) => number.toLocaleString(document.documentElement.lang, { maximumFractionDigits: number < 10 ? 1 : 0 });

function facts(lines) {
  return make("ul", { class: "facts" }, ...lines.filter(Boolean).map((line) => make("li", {}, line)));
}

function battery({ source, minutes, minutes_low: low, minutes_high: high, people_left: people, learnt, waiting, clock }) {
  return facts([
    minutes == null ? (source === "battery" ? null : t("power_reserve_unknown")) : t("power_range", { low, high }),
    people == null ? null : t(people > 0 ? "power_people" : "power_people_none", { people }),
    waiting == null ? null : t(people != null && people < waiting ? "power_waiting_too_many" : "power_waiting", { waiting }),
    learnt === false && minutes != null ? t("power_rough") : null,
    clock && has(`clock_${clock}`) ? t(`clock_${clock}`) : null,
  ]);
}

export function gensetAct(plan) {
  if (plan === "locked") return "acknowledge";
  return TURN_OFF.includes(plan) ? "stop" : "start";
}

function genset(found) {
  if (!found) return [make("p", { class: "quiet" }, t("genset_none"))];
  const level = found.plan === "locked" ? "alarm" : found.plan === "resting" ? "warn" : "good";
  const look = found.plan === "locked" ? LOOK_AT[found.code] ?? ["technician"] : [];
  return [
    make("p", { class: `answer ${level}`, "data-genset": found.plan }, icon(level === "good" ? "tick" : "warn"), t(found.code, { alarms: alarmWords(found.alarms) })),
    CALM.includes(found.plan) ? make("p", {}, t("genset_calm")) : null,
    look.length ? make("ol", { class: "look" }, ...look.map((one) => make("li", {}, t(`genset_look_${one}`)))) : null,
    facts([
      fuelWords(found, "genset_fuel") ?? t("genset_fuel_unknown"),
      found.service_in_h == null ? null : t("genset_service", { hours: hours(found.service_in_h) }),
      found.hand ? t(found.hand, { minutes: found.hand_minutes }) : null,
      found.test_in_days == null ? null : t("genset_test", { days: Math.ceil(found.test_in_days) }),
      found.volts ? t("genset_volts", { volts: Math.round(found.volts), hz: hours(found.hz ?? 0) }) : null,
    ]),
  ];
}

// Whoever sees a danger may stop it; the rest is for somebody who has logged in.
function gensetActs({ power: { genset: found }, actions, operator }) {
  if (!found || !actions.includes("genset")) return [];
  return [gensetAct(found.plan), found.service_due ? "serviced" : null].filter((act) => act && (operator || act === "stop"));
}

export function powerPanel(now) {
  const { power, actions, operator } = now;
  const acts = gensetActs(now), mute = power.genset && actions.includes("genset") && !operator && !acts.length;
  return {
    title: t("power_title"),
    body: [make("p", { class: "answer" }, sourceWords(power)), battery(power), make("h3", {}, t("device_genset")), ...genset(power.genset), mute ? make("p", { class: "quiet" }, t("genset_log_in")) : null],
    acts: acts.map((act) => ({ name: `genset_${act}`, event: "genset", fields: { act } })),
    links: [{ href: "/power", text: t("power_report") }],
  };
}
