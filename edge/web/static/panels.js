// Panels that an operator may open at any time: what is sent and what was refused, and how the devices are.
import { icon, make } from "./dom.js";
import { deviceFix, deviceName, has, t } from "./texts.js";

const ROOM_ENOUGH = 500;
export const BROKEN = ["absent", "faulted", "recovering"];

export function sendingPanel({ queue, link, enrolments_left: left }) {
  const held = queue.held ?? [];
  const lines = [t("queue_saved", queue), t("queue_received", queue), t("queue_waiting", queue), left > ROOM_ENOUGH ? null : t("queue_room", { left })];
  return {
    title: t("sending_title"),
    body: [
      make("p", { class: `answer ${link.connected === false ? "" : "good"}` }, icon(link.connected === false ? "plug" : "tick"), t(link.connected === false ? "queue_offline" : "queue_online")),
      has(`sending_${link.sending}`) && queue.waiting ? make("p", {}, t(`sending_${link.sending}`)) : null,
      has(`dates_${link.dates}`) ? make("p", {}, t(`dates_${link.dates}`)) : null,
      link.policy === undefined ? null : make("p", {}, policyWords(link)),
      make("ul", { class: "facts" }, ...lines.filter(Boolean).map((line) => make("li", {}, line))),
      ...(queue.refused ? refusedWords(queue.refused, held) : []),
    ],
  };
}

function policyWords({ policy, online_only: online }) {
  if (!policy) return t("rule_none");
  return t(online ? "rule_online" : "rule_free", { number: policy });
}

function refusedWords(refused, held) {
  const rows = held.map(({ register, outcome, reason }) =>
    make("li", {}, make("b", {}, register), ` ${t(`outcome_${outcome}`)} ${has(`held_${reason}`) ? t(`held_${reason}`) : ""}`));
  return [
    make("p", { class: "answer warn" }, icon("warn"), t("queue_refused", { refused })),
    make("p", {}, t("queue_refused_next")),
    rows.length ? make("ul", { class: "facts" }, ...rows) : null,
  ];
}

export function devicesPanel({ devices, station }) {
  const rows = Object.entries(devices).map(([name, { state, code }]) => make("li", { class: BROKEN.includes(state) ? "warn" : "" },
    icon(BROKEN.includes(state) ? "plug" : "tick"), make("b", {}, ` ${deviceName(name)}: `), t(`device_state_${state}`),
    BROKEN.includes(state) ? make("div", {}, has(code) ? `${t(code, { device: deviceName(name) })} ` : "", deviceFix(name)) : null));
  return { title: t("devices_title"), body: [make("ul", { class: "devices" }, ...rows), make("p", { class: "quiet" }, `${station.name} (${station.id})`)] };
}

// Cards of the screen between two people: one line each, a touch opens the panel.
export function cardWords({ queue, link, devices }) {
  const broken = Object.entries(devices).filter(([, { state }]) => BROKEN.includes(state)).map(([name]) => deviceName(name));
  const sending = queue.refused ? t("card_refused", queue) : t(link.connected === false ? "card_offline" : queue.waiting ? "card_waiting" : "card_sent", queue);
  return {
    sending: { title: t("sending_title"), words: sending, bad: Boolean(queue.refused) },
    devices: { title: t("devices_title"), words: broken.length ? t("card_broken", { names: broken.join(", ") }) : t("card_ready"), bad: broken.length > 0 },
  };
}
