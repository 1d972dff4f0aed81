// What lies over the screen: questions (reasons, retake, menu) and panels that follow the station while they are open.
import { make, show } from "./dom.js";
import { devicesPanel, sendingPanel } from "./panels.js";
import { powerPanel } from "./power.js";
import { send, snapshot } from "./station.js";
import { capital, t, targetName } from "./texts.js";

const PANELS = { power: powerPanel, sending: sendingPanel, devices: devicesPanel };
const ACT_PAUSE_MS = 3000; // the button says the opposite as soon as it has worked: a second tap of a doubtful finger must not undo the first
const dialog = () => document.getElementById("dialog");
let panel = null, actedAt = 0;

// The body scrolls; what can be done next and the way back are always seen.
function lay(title, body, acts = []) {
  const close = make("button", { type: "button", "data-action": "back", onclick: () => dialog().close() }, t("back"));
  return [make("h2", { id: "dialog-title" }, title), make("div", { class: "body", tabindex: panel ? "0" : null }, ...body.filter(Boolean)), make("div", { class: "choices" }, ...acts, close)];
}

function open(title, choices, body = []) {
  panel = null;
  const box = dialog();
  delete box.dataset.key;
  box.replaceChildren(...lay(title, [...body, make("div", { class: "choices" }, ...choices)]));
  reveal(box);
}

function reveal(box) {
  if (!box.open) box.showModal();
  box.querySelector(".choices button").focus();
}

function choice(text, act, name = null) {
  return make("button", { type: "button", "data-action": name, onclick: () => { dialog().close(); act(); } }, text);
}

export function closeQuestion() {
  if (dialog().open && panel === null) dialog().close();
}

// --- panels ---
export function openPanel(name) {
  panel = name;
  delete dialog().dataset.key;
  renewPanel(snapshot());
  reveal(dialog());
}

export function renewPanel(now) {
  if (panel === null || !now) return;
  const box = dialog(), focused = box.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  show(box, [panel, now.language, now.power, now.queue, now.link, now.devices, now.operator, now.actions.includes("genset")], () => {
    const { title, body, acts = [], links = [] } = PANELS[panel](now);
    const buttons = acts.map(({ name, event, fields }) => make("button", { type: "button", class: "act", "data-action": name, onclick: () => act(event, fields) }, t(`do_${name}`)));
    return lay(title, body, [...buttons, ...links.map(({ href, text }) => make("a", { class: "button", href }, text))]);
  });
  if (focused && document.activeElement.dataset.action !== focused) (box.querySelector(`[data-action=${focused}]`) ?? box.querySelector("[data-action=back]")).focus();
}

function act(event, fields) {
  if (Date.now() - actedAt < ACT_PAUSE_MS) return;
  actedAt = Date.now();
  send(event, fields);
}

export function watchDialog() {
  dialog().addEventListener("close", () => { panel = null; });
}

// --- questions ---
export function askReason(title, reasons, act) {
  open(title, reasons.map((reason) => choice(t(`reason_${reason}`), () => act(reason))));
}

export function excludeTarget(target, reasons) {
  askReason(`${t("do_exception")}: ${targetName(target)}`, reasons, (reason) => send("exception", { kind: target.kind, position: target.position, reason }));
}

export function askRetake(target) {
  open(capital(targetName(target)), [choice(t("do_retake_target", { target: targetName(target) }), () => send("retake", { kind: target.kind, position: target.position }))]);
}

export function chooseRetake(targets) {
  open(t("do_retake"), targets.map((target) => choice(partName(target), () => send("retake", { kind: target.kind, position: target.position }))));
}

// A finger that was checked has the same name as the finger that was recorded.
function partName(target) {
  return target.kind === "check" ? `${t("step_check")}: ${targetName(target)}` : capital(targetName(target));
}

export function showNotices(build) {
  open(t("all_notices"), [], [make("div", { class: "notices" }, ...build)]);
}

function sure(question, act) {
  open(question, [choice(t("yes_sure"), act)]);
}

export function menu(now) {
  const acts = {
    abandon: () => askReason(t("do_abandon"), now.reasons.abandon, (reason) => send("abandon", { reason })),
    log_out: () => send("log_out"),
    stop: () => sure(`${t("do_stop")}? ${t("say_stopping")}`, () => send("stop")),
  };
  const offered = Object.keys(acts).filter((name) => now.actions.includes(name));
  open(t("menu"), [
    choice(t("power_title"), () => openPanel("power"), "power"), choice(t("sending_title"), () => openPanel("sending"), "sending"), choice(t("devices_title"), () => openPanel("devices"), "devices"),
    ...offered.map((name) => choice(t(`do_${name}`), acts[name], name)),
  ]);
}
