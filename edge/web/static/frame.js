// What every screen has around it: person, steps, power, queue, notices.
import { showNotices } from "./dialogs.js";
import { icon, make, show } from "./dom.js";
import { powerLine } from "./power.js";
import { alarmWords, deviceFix, deviceName, groupNik, has, t } from "./texts.js";

const GROUPS = { data: ["letter", "data"], face: ["face"], signature: ["signature"], fingers: ["fingers"], irises: ["irises"], finish: ["check", "review", "slip"] };
const GRAVITY = { alarm: 0, warn: 1, info: 2 };
const NOTICES_SHOWN = 2;
const el = (id) => document.getElementById(id);
let photoOf = 0;

export function frame(snapshot) {
  show(el("language"), snapshot.language, () => t("language_other"));
  show(el("menu"), snapshot.language, () => t("menu"));
  show(el("power"), [snapshot.language, snapshot.power.source], () => [icon(snapshot.power.source === "battery" ? "battery" : "bolt"), make("span", {}, ` ${t("power_title")}`)]);
  show(el("person"), [snapshot.person, snapshot.language, snapshot.phase, snapshot.operator], () => person(snapshot));
  show(el("steps"), [snapshot.steps, snapshot.language], () => steps(snapshot));
  show(el("status"), [snapshot.power, snapshot.queue, snapshot.link, snapshot.language], () => status(snapshot));
  const told = snapshot.verdict?.device;
  const ofPower = snapshot.power.notices ?? [];
  const notices = [...snapshot.notices.filter(({ values }) => !values.device || (values.device !== told && !ofPower.some((one) => sameTrouble(one, values.device)))), ...ofPower];
  notices.sort((one, other) => GRAVITY[one.level] - GRAVITY[other.level]);
  el("steps").hidden = snapshot.person === null;
  show(el("notices"), [notices, snapshot.language], () => shortly(notices));
}

// Power tells in its own words that a UPS or the board is silent: one line about it is enough.
function sameTrouble({ id, values }, device) {
  return (id === "ups_no_news" && device === `ups-${values.name}`) || (id === "board_silent" && device === "board");
}

// Few enough to leave room for the work; the rest is one touch away.
function shortly(notices) {
  if (notices.length <= NOTICES_SHOWN) return notices.map(notice);
  const more = make("button", { type: "button", "data-action": "notices", onclick: () => showNotices(notices.map(notice)) }, t("more_notices", { number: notices.length - NOTICES_SHOWN }));
  return make("div", { class: "crowd" }, make("div", {}, ...notices.slice(0, NOTICES_SHOWN).map(notice)), more);
}

function person({ person, phase, operator, station }) {
  if (!person) return make("div", { class: "who" }, make("span", { class: "name" }, station.name), operator ? `${t("operator")}: ${operator.name}` : null);
  const photo = person.photo ? make("img", { src: `/api/photo?${++photoOf}`, alt: t("target_face") }) : null;
  return [photo, make("span", { class: "ticket" }, t("ticket_short", { ticket: person.ticket })),
    make("div", { class: "who" }, make("span", { class: "name" }, person.name || t(operator ? "name_unknown" : "name_hidden")), make("span", { class: "nik" }, groupNik(person.nik)))];
}

function steps({ steps, step }) {
  const states = Object.fromEntries(steps.map(({ id, state }) => [id, state]));
  return Object.entries(GROUPS).map(([group, members], index) => {
    const all = members.map((id) => states[id]);
    const state = groupState(all);
    const sign = { done: icon("tick"), exception: icon("warn"), saving: icon("wait") }[state] ?? `${index + 1}`;
    return make("li", { class: state, "aria-current": members.includes(step) ? "step" : null }, sign, make("span", {}, t(`group_${group}`)), make("span", { class: "unseen" }, t(`state_${state}`)));
  });
}

function groupState(all) {
  if (all.includes("now")) return "now";
  if (all.includes("todo")) return "todo";
  return ["saving", "exception"].find((state) => all.includes(state)) ?? "done";
}

function status({ power, queue, link }) {
  const away = link.connected === false;
  const items = [["saved", queue.waiting > 0 || away], ["waiting", queue.waiting === 0], ["received", away || queue.refused > 0], ["held", !queue.refused]];
  return [
    make("span", { class: "line" }, ...powerLine(power).filter(Boolean)),
    make("span", { class: "queue" }, ...items.map(([name, minor]) => make("span", { class: minor ? "minor" : "" }, t(`queue_${name}`, queue))),
      away ? make("span", {}, t("queue_offline")) : null),
  ];
}

function notice({ id, level, values }) {
  const about = values.device ? { device_name: deviceName(values.device), fix: deviceFix(values.device) } : {};
  const alarms = values.alarms ? alarmWords(values.alarms.split(", ")) : "";
  const words = { ...values, ...about, alarms, step: values.step ? t(`step_${values.step}`) : "", detail: has(values.code) ? t(values.code) : "" };
  const sign = { info: "info", warn: "warn", alarm: "warn" }[level];
  const text = has(`notice_${id}`) ? t(`notice_${id}`, words) : t(id, words);
  return make("p", { class: level, "data-notice": id }, icon(values.device ? "plug" : sign), text);
}
