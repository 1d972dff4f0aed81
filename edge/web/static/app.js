// The page: one snapshot in, one screen out. It shows what the station says and decides nothing.
import { icon, make, show } from "./dom.js";
import { attend, watchTouches } from "./attention.js";
import { askReason, askRetake, chooseRetake, closeQuestion, excludeTarget, menu, openPanel, renewPanel, watchDialog } from "./dialogs.js";
import { frame } from "./frame.js";
import { build, screenOf, WIDE } from "./screens.js";
import { follow, send, snapshot } from "./station.js";
import { deviceFix, deviceName, has, loadTexts, t, targetName, useLanguage } from "./texts.js";

const PALM_MS = 300;
const NAMED = ["fingers", "irises", "check"]; // their sentence names what is asked for
const GROUP_OF_KIND = { finger: "step_fingers", iris: "step_irises" };
const NAMED_ONE_BY_ONE = 3;
const el = (id) => document.getElementById(id);
let screen = null, screenName = "", language = "", place = "", touched = 0;

function render(now) {
  useLanguage(now.language);
  if (now.station.ppi) document.documentElement.style.setProperty("--mm", `${now.station.ppi / 25.4}px`);
  attend(now);
  frame(now);
  primary(now);
  stage(now);
  show(el("panel"), [now.phase, now.step, now.target, now.verdict, now.activity, now.hint, now.progress, now.attempts, now.language, now.primary, now.automatic], () => panel(now));
  show(el("secondary"), [now.actions, now.reasons, now.target, now.step, now.verdict, now.language, now.primary], () => secondary(now));
  if (place !== `${now.phase}/${now.step}/${now.person?.ticket}`) closeQuestion();
  renewPanel(now);
  place = `${now.phase}/${now.step}/${now.person?.ticket}`;
}

function stage(now) {
  const name = screenOf(now);
  if (name !== screenName) {
    screen?.close?.();
    screen = build(name, now, touch);
    screenName = name;
    el("stage").replaceChildren(screen.element);
    el("stage").dataset.screen = name;
    document.querySelector("main").classList.toggle("wide", WIDE.includes(name));
    (screen.element.querySelector("[autofocus]") ?? el("primary")).focus({ preventScroll: true });
  }
  if (language !== now.language) {
    language = now.language;
    for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  }
  screen.update(now);
}

// A finger or an eye was touched: excuse it, or take it again.
function touch(target) {
  const now = snapshot();
  const found = now.targets.find(({ kind, position }) => kind === target.kind && position === target.position);
  if (!found) return;
  const settled = found.state === "done" || found.state === "exception";
  if (settled && now.actions.includes("retake")) askRetake(found);
  else if (!settled && now.actions.includes("exception")) excludeTarget(found, now.reasons.exception);
}

// --- what to do now ---
function panel(now) {
  const words = instruction(now);
  return [make("h1", { "data-instruction": true }, words), verdict(now), progress(now), tries(now), automatic(now), dark(now)];
}

function instruction(now) {
  const target = now.target ? targetName(now.target) : "";
  if (now.phase === "idle" && now.primary === null) return t("say_idle_wait");
  if (now.phase !== "enrolling") return t(`say_${now.phase}`);
  if (now.primary === "log_in") return t("say_login_needed");
  if (now.hint === "lift") return t("say_lift");
  if (now.hint === "reading") return t("say_wait_capture", { target });
  if (now.step === "slip" && now.activity) return t("say_printing");
  if (!now.target && (now.activity || NAMED.includes(now.step))) return t("say_wait_save");
  if (now.target?.kind === "exception_photo") return t("say_exception_photo", { targets: excluded(now.targets) });
  if (now.primary === "capture" && !now.verdict && has(`say_${now.step}_start`)) return t(`say_${now.step}_start`, { target, button: t(`do_capture_${now.step}`) });
  if (now.step === "face" && now.person?.backdrop) return t(`say_face_${now.person.backdrop}`);
  return t(`say_${now.step}`, { target });
}

// What the exception photo has to show; many are named by their kind.
function excluded(targets) {
  const found = targets.filter(({ kind, state, reason }) => kind in GROUP_OF_KIND && state === "exception" && reason !== "device_unavailable");
  const names = found.length > NAMED_ONE_BY_ONE ? new Set(found.map(({ kind }) => t(GROUP_OF_KIND[kind]).toLowerCase())) : found.map(targetName);
  return [...names].join(", ");
}

function verdict(now) {
  if (!now.verdict) return null;
  const device = now.verdict.device ? { device_name: deviceName(now.verdict.device), fix: deviceFix(now.verdict.device) } : {};
  const words = { target: targetName(now.verdict.target), ...device };
  const fix = has(now.verdict.fix) ? make("small", {}, t(now.verdict.fix, words)) : null;
  return make("div", { class: "verdict", "data-verdict": now.verdict.reason }, icon("warn"), ` ${t(now.verdict.reason, words)}`, fix);
}

function progress(now) {
  if (now.activity === null) return null;
  return make("progress", now.progress === null ? {} : { value: now.progress, max: 1 });
}

function tries(now) {
  if (!now.attempts) return null;
  return make("p", { class: "quiet" }, now.attempts >= 3 ? t("three_tries") : t("try_number", { number: now.attempts + 1 }));
}

function automatic(now) {
  const itself = now.automatic && now.primary === "capture" && ["face", "irises"].includes(now.step);
  return itself ? make("p", { class: "itself" }, t("say_automatic")) : null;
}

function dark(now) {
  return now.step === "irises" && !now.verdict ? make("p", { class: "quiet spare" }, t("iris_once_a_second")) : null;
}

// --- actions ---
function primary(now) {
  const button = el("primary");
  show(button, [now.primary, now.activity, now.step, now.target, now.verdict, now.language, now.phase], () => primaryWords(now));
  button.disabled = now.primary === null;
  if (!button.disabled && document.activeElement === document.body) button.focus({ preventScroll: true }); // it was lost while nothing could be done
}

function primaryWords(now) {
  if (now.primary === "capture") {
    const what = now.target?.kind === "exception_photo" ? "exception_photo" : now.step;
    return t(now.verdict ? "do_capture_again" : `do_capture_${what}`, { target: now.target ? targetName(now.target) : "" });
  }
  if (now.primary) return t(`do_${now.primary}`);
  if (now.step === "slip" && now.activity) return t("busy_printing");
  if (now.activity) return t(now.activity === "capturing" ? "busy_capturing" : "busy_saving");
  return t(now.phase === "stopping" ? "busy_stopping" : "busy_waiting");
}

async function pressPrimary() {
  const now = snapshot();
  if (!now?.primary || Date.now() - touched < PALM_MS) return;
  touched = Date.now();
  el("primary").setAttribute("aria-busy", "true");
  await send(now.primary, screen.collect(), true);
  el("primary").removeAttribute("aria-busy");
}

function secondary(now) {
  const offers = {
    pause: () => send("pause"),
    keep: () => send("keep"),
    use_best: () => askReason(t("do_use_best"), now.reasons.use_best, (reason) => send("use_best", { reason })),
    exception: () => excludeTarget(now.target, now.reasons.exception),
    retake: () => chooseRetake(now.reasons.retake),
    print_slip: () => send("print_slip"),
    finish: () => send("finish"),
  };
  const shown = Object.keys(offers).filter((name) => now.actions.includes(name) && name !== now.primary && (name !== "exception" || now.target));
  const buttons = shown.map((name) => make("button", { type: "button", "data-action": name, onclick: offers[name] }, secondaryWords(name, now)));
  return now.verdict?.device && now.target && now.actions.includes("exception") ? [skipDevice(now), ...buttons] : buttons;
}

function secondaryWords(name, now) {
  const codes = { exception: { finger: "do_exception_fingers", iris: "do_exception_irises" }[now.target?.kind], print_slip: "do_print_again", use_best: "do_use_best" };
  return t(codes[name] ?? `do_${name}`);
}

function skipDevice(now) {
  return make("button", { type: "button", "data-action": "skip_device", onclick: () => send("exception", { ...now.target, reason: "device_unavailable" }) }, t("do_skip_device"));
}

function lost(away) {
  const unexpected = away && snapshot()?.phase !== "stopping"; // that screen says itself what comes
  document.body.classList.toggle("away", unexpected); // what it said last is no longer news, and nobody hears a button
  for (const part of ["main", "footer"]) document.querySelector(part).inert = unexpected;
  const banner = document.querySelector("[data-notice=connection_lost]");
  if (!unexpected) banner?.remove();
  else if (!banner) el("notices").prepend(make("p", { class: "alarm", "data-notice": "connection_lost" }, icon("plug"), t("connection_lost")));
}

// --- start ---
async function start() {
  await loadTexts();
  el("primary").addEventListener("click", pressPrimary);
  el("menu").addEventListener("click", () => snapshot() && menu(snapshot()));
  el("power").addEventListener("click", () => snapshot() && openPanel("power"));
  el("language").addEventListener("click", () => send("language", { language: snapshot().language === "id" ? "en" : "id" }));
  document.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input")) pressPrimary(); });
  document.addEventListener("contextmenu", (event) => event.preventDefault());
  watchTouches();
  watchDialog();
  follow(render, lost);
}

start();
