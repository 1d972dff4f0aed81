// What every screen has around it: person, steps, power, queue, notices.
import { icon, make, show } from "./dom.js";
import { deviceName, groupNik, has, t } from "./texts.js";

const GROUPS = { data: ["letter", "data"], face: ["face"], signature: ["signature"], fingers: ["fingers"], irises: ["irises"], finish: ["check", "review", "slip"] };
const el = (id) => document.getElementById(id);
let photoOf = 0;

export function frame(snapshot) {
  show(el("language"), snapshot.language, () => t("language_other"));
  show(el("menu"), snapshot.language, () => t("menu"));
  show(el("person"), [snapshot.person, snapshot.language, snapshot.phase, snapshot.operator], () => person(snapshot));
  show(el("steps"), [snapshot.steps, snapshot.language], () => steps(snapshot));
  show(el("status"), [snapshot.power, snapshot.queue, snapshot.link, snapshot.language], () => status(snapshot));
  const told = snapshot.verdict?.device;
  const notices = [...snapshot.notices.filter(({ values }) => !told || values.device !== told), ...(snapshot.power.notices ?? [])];
  el("steps").hidden = snapshot.person === null;
  show(el("notices"), [notices, snapshot.language], () => notices.map(notice));
}

function person({ person, phase, operator, station }) {
  if (!person) return make("div", { class: "who" }, make("span", { class: "name" }, station.name), operator ? `${t("operator")}: ${operator.name}` : null);
  const photo = person.photo ? make("img", { src: `/api/photo?${++photoOf}`, alt: t("target_face") }) : null;
  return [photo, make("span", { class: "ticket" }, t("ticket_short", { ticket: person.ticket })),
    make("div", { class: "who" }, make("span", { class: "name" }, person.name || t(operator ? "say_letter" : "name_hidden")), make("span", { class: "nik" }, groupNik(person.nik)))];
}

function steps({ steps, step }) {
  const states = Object.fromEntries(steps.map(({ id, state }) => [id, state]));
  return Object.entries(GROUPS).map(([group, members], index) => {
    const all = members.map((id) => states[id]);
    const state = all.includes("now") ? "now" : all.includes("exception") && !all.includes("todo") ? "exception" : all.every((one) => one === "done") ? "done" : "todo";
    const sign = { done: icon("tick"), exception: icon("warn") }[state] ?? `${index + 1}`;
    return make("li", { class: state, "aria-current": members.includes(step) ? "step" : null }, sign, make("span", {}, t(`group_${group}`)));
  });
}

function status({ power, queue, link }) {
  const away = link.connected === false;
  const items = [["saved", queue.waiting > 0 || away], ["waiting", queue.waiting === 0], ["received", away && queue.waiting > 0]];
  return [
    make("span", { class: `power ${power.source ?? ""}` }, powerWords(power)),
    make("span", { class: "queue" }, ...items.map(([name, minor]) => make("span", { class: minor ? "minor" : "" }, t(`queue_${name}`, queue))),
      away ? make("span", {}, t("queue_offline")) : null),
  ];
}

export function powerWords({ source, minutes, people_left: people, sentence }) {
  if (sentence && has(sentence.id)) return t(sentence.id, sentence.values);
  if (source === "battery") {
    if (minutes == null) return t("power_battery_unknown");
    return t(people == null ? "power_battery_minutes" : "power_battery", { minutes: Math.round(minutes), people });
  }
  return t(has(`power_${source}`) ? `power_${source}` : "power_unknown");
}

function notice({ id, level, values }) {
  const words = { ...values, device_name: values.device ? deviceName(values.device) : "", step: values.step ? t(`step_${values.step}`) : "", detail: has(values.code) ? t(values.code) : "" };
  const sign = { info: "info", warn: "warn", alarm: "warn" }[level];
  const text = has(`notice_${id}`) ? t(`notice_${id}`, words) : t(id, words);
  return make("p", { class: level, "data-notice": id }, icon(values.device ? "plug" : sign), text);
}
