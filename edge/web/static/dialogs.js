// Questions that lie over the screen: reasons, retake, menu. Every one can be left without doing anything.
import { icon, make } from "./dom.js";
import { send } from "./station.js";
import { deviceName, t, targetName } from "./texts.js";

const dialog = () => document.getElementById("dialog");

function open(title, choices, body = null) {
  const box = dialog();
  const close = make("button", { type: "button", class: "last", onclick: () => box.close() }, t("back"));
  box.replaceChildren(make("h2", {}, title), ...(body ? [body] : []), make("div", { class: "choices" }, ...choices, close));
  if (!box.open) box.showModal();
}

function choice(text, act) {
  return make("button", { type: "button", onclick: () => { dialog().close(); act(); } }, text);
}

export function closeDialog() {
  if (dialog().open) dialog().close();
}

export function askReason(title, reasons, act) {
  open(title, reasons.map((reason) => choice(t(`reason_${reason}`), () => act(reason))));
}

export function excludeTarget(target, reasons) {
  askReason(`${t("do_exception")}: ${targetName(target)}`, reasons, (reason) => send("exception", { kind: target.kind, position: target.position, reason }));
}

export function askRetake(target) {
  open(targetName(target), [choice(t("do_retake_target", { target: targetName(target) }), () => send("retake", { kind: target.kind, position: target.position }))]);
}

export function chooseRetake(targets) {
  open(t("do_retake"), targets.map((target) => choice(targetName(target), () => send("retake", { kind: target.kind, position: target.position }))));
}

function sure(question, act) {
  open(question, [choice(t("yes_sure"), act)]);
}

export function menu(snapshot) {
  const devices = make("ul", { class: "devices" }, ...Object.entries(snapshot.devices).map(([name, { state }]) =>
    make("li", {}, icon(state === "ready" ? "tick" : "plug"), ` ${deviceName(name)}: ${t(`device_state_${state}`)}`)));
  const acts = {
    abandon: () => askReason(t("do_abandon"), snapshot.reasons.abandon, (reason) => send("abandon", { reason })),
    log_out: () => send("log_out"),
    genset_start: () => send("genset", { act: "start" }),
    genset_stop: () => send("genset", { act: "stop" }),
    genset_acknowledge: () => send("genset", { act: "acknowledge" }),
    stop: () => sure(`${t("do_stop")}? ${t("say_stopping")}`, () => send("stop")),
  };
  const offered = Object.keys(acts).filter((name) => snapshot.actions.includes(name) || (name.startsWith("genset_") && snapshot.actions.includes("genset")));
  open(t("menu"), offered.map((name) => choice(t(`do_${name}`), acts[name])), make("div", {}, devices, make("a", { class: "report", href: "/api/power.csv", download: "listrik.csv" }, t("power_report")), make("p", { class: "quiet" }, `${snapshot.station.name} (${snapshot.station.id})`)));
}
