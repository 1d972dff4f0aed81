// One screen for each situation: build() once, update() with every snapshot, collect() gives the fields of the primary event.
import { openPanel } from "./dialogs.js";
import { icon, make, show } from "./dom.js";
import { hands, paint } from "./hands.js";
import { liveHint } from "./live.js";
import { cardWords } from "./panels.js";
import { leftWords, sourceWords } from "./power.js";
import { paper, picture } from "./preview.js";
import { send } from "./station.js";
import { capital, groupNik, t, targetName } from "./texts.js";

const FIELDS = ["name", "nik", "birth_place", "birth_date", "sex", "address", "religion", "marital_status", "occupation"];
const DOUBLE = ["name", "address"];

export function screenOf(snapshot) {
  if (snapshot.phase === "stopping") return "stopping";
  if (snapshot.primary === "log_in" || snapshot.phase === "locked") return "login";
  if (snapshot.phase === "idle") return "idle";
  if (snapshot.step === "check") return snapshot.target?.kind === "exception_photo" ? "face" : "check";
  return snapshot.step;
}

export const WIDE = ["login", "idle", "letter", "data", "signature", "review", "fingers", "check", "slip", "stopping"];

export function build(name, snapshot, touch) {
  const makers = { login, idle, letter, data, face: camera, signature, fingers: () => fingers("finger", touch), check: () => fingers("check", touch), irises: () => irises(touch), review, slip, stopping };
  return makers[name](snapshot);
}

function field(name, attributes = {}) {
  return make("label", { class: attributes.double ? "double" : "" }, make("span", { "data-text": name }, t(name)),
    make("input", { name, autocomplete: "off", spellcheck: "false", ...attributes, double: false }));
}

// --- log-in: a keyboard or the pad ---
function login() {
  const known = localStorage.getItem("operator") ?? "";
  const operator = make("input", { name: "operator", autocomplete: "off", autocapitalize: "none", maxlength: 32, value: known, autofocus: !known });
  const pin = make("input", { name: "pin", type: "password", inputmode: "numeric", autocomplete: "off", maxlength: 12, autofocus: Boolean(known) });
  const press = (key) => { pin.value = key === "<" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 12); };
  const keys = [..."1234567890<"].map((key) => make("button", { type: "button", "data-key": key, "aria-label": key === "<" ? t("erase") : key, onclick: () => press(key) }, key === "<" ? icon("erase") : key));
  const form = make("form", { onsubmit: (event) => event.preventDefault() },
    make("label", { class: "whole" }, make("span", { "data-text": "operator_id" }, t("operator_id")), operator),
    make("label", { class: "whole" }, make("span", { "data-text": "pin" }, t("pin")), pin));
  return {
    element: make("div", { class: "login" }, form, make("div", { class: "pad" }, ...keys)),
    update() {},
    collect() {
      const fields = { operator: operator.value.trim().toLowerCase(), pin: pin.value };
      localStorage.setItem("operator", fields.operator);
      pin.value = "";
      return fields;
    },
  };
}

// --- between two people: who comes, how many wait, and how the station is ---
function idle() {
  const ticket = counter("ticket", 1, 99999, Number(sessionStorage.getItem("ticket") ?? 0) + 1);
  const waiting = counter("waiting", 0, 9999, "", (people) => send("waiting", { people }));
  const cards = make("div", { class: "cards" });
  return {
    element: make("div", { class: "idle" }, make("div", { class: "counters" }, ticket.element, waiting.element), cards),
    update({ power, queue, link, devices, actions, language }) {
      waiting.element.hidden = !actions.includes("waiting");
      if (document.activeElement !== waiting.input) waiting.input.value = power.waiting ?? "";
      show(cards, [power, queue, link, devices, language], () => cardButtons({ power, queue, link, devices }));
    },
    collect() {
      sessionStorage.setItem("ticket", ticket.input.value);
      return { ticket: Number(ticket.input.value) };
    },
  };
}

function counter(name, least, most, value, changed = () => {}) {
  const input = make("input", { name, type: "number", placeholder: "?", min: least, max: most, inputmode: "numeric", value, onchange: () => changed(within(0)) });
  const within = (more) => Math.min(most, Math.max(least, Number(input.value) + more));
  const step = (more) => { input.value = within(more); changed(Number(input.value)); };
  const element = make("div", { class: "labelled", role: "group", "aria-label": t(name) }, make("span", { "data-text": name }, t(name)), make("div", { class: "counter" },
    make("button", { type: "button", "aria-label": "-1", onclick: () => step(-1) }, "\u2212"), input, make("button", { type: "button", "aria-label": "+1", onclick: () => step(1) }, "+")));
  input.setAttribute("aria-label", t(name));
  return { element, input };
}

function cardButtons(now) {
  const words = { power: { title: t("power_title"), words: [sourceWords(now.power), leftWords(now.power)].filter(Boolean).join(" "), bad: now.power.genset?.plan === "locked" }, ...cardWords(now) };
  return Object.entries(words).map(([name, card]) => make("button", { type: "button", class: card.bad ? "card bad" : "card", "data-card": name, onclick: () => openPanel(name) },
    make("b", {}, card.bad ? icon("warn") : null, card.title), make("span", {}, card.words)));
}

function letter() {
  const number = field("letter_number", { maxlength: 64, autofocus: true });
  return { element: make("div", { class: "one" }, number), update() {}, collect: () => ({ number: number.querySelector("input").value.trim() }) };
}

// --- population data: what was changed is marked, and only that is sent ---
function data(snapshot) {
  let known = {};
  const inputs = {};
  const form = make("form", { class: "data", onsubmit: (event) => event.preventDefault(), oninput: () => mark() });
  for (const name of FIELDS) {
    const label = name === "sex" ? sexField() : field(name, { double: DOUBLE.includes(name), maxlength: 200, inputmode: name === "nik" ? "numeric" : null, placeholder: name === "birth_date" ? "1990-05-17" : null });
    inputs[name] = label.querySelector("input, select");
    form.append(label);
  }
  const value = (name) => (name === "nik" ? inputs[name].value.replace(/\s/g, "") : inputs[name].value.trim());
  const mark = () => FIELDS.forEach((name) => inputs[name].closest("label").classList.toggle("changed", value(name) !== (known[name] ?? "")));
  let letterShown = null;
  return {
    element: form,
    update({ person }) {
      const key = JSON.stringify([person?.letter, person?.name, person?.nik]);
      if (key === letterShown) return;
      letterShown = key;
      known = person ?? {};
      for (const name of FIELDS) inputs[name].value = name === "nik" ? groupNik(known[name]) : (known[name] ?? "");
      mark();
    },
    collect: () => ({ corrections: Object.fromEntries(FIELDS.filter((name) => value(name) !== (known[name] ?? "")).map((name) => [name, value(name)])) }),
  };
}

function sexField() {
  const options = ["", "P", "L"].map((value) => make("option", { value, "data-text": value ? `sex_${value}` : null }, value ? t(`sex_${value}`) : ""));
  return make("label", {}, make("span", { "data-text": "sex" }, t("sex")), make("select", { name: "sex" }, ...options));
}

// --- captures ---
const nothing = () => ({});

function camera(snapshot) {
  const live = picture("camera", snapshot.step === "face"), hint = liveHint("camera");
  live.element.append(hint.element);
  return { element: live.element, update: hint.update, collect: nothing, close: live.close };
}

function signature() {
  const sheet = paper();
  let before = null;
  return {
    element: make("div", { class: "sheet" }, sheet.element),
    update({ activity }) {
      if (activity === "capturing" && before !== "capturing") sheet.reset();
      before = activity;
    },
    collect: nothing,
    close: sheet.close,
  };
}

function fingers(kind, touch) {
  const drawing = hands(kind, touch), hint = liveHint("fingerprint");
  return {
    element: make("div", { class: "touching" }, drawing, hint.element),
    update(now) {
      paint(drawing, now.targets, kind);
      hint.update(now);
    },
    collect: nothing,
  };
}

function irises(touch) {
  const live = picture("iris", false), hint = liveHint("iris");
  live.element.append(hint.element);
  const eyes = make("div", { class: "eyes" });
  return {
    element: make("div", { class: "column" }, live.element, eyes),
    update(now) {
      const { targets, language } = now, found = targets.filter((target) => target.kind === "iris");
      hint.update(now);
      show(eyes, [found, language], () => found.map((target) => make("button", { type: "button", class: `eye ${target.state}`, "data-position": target.position, onclick: () => touch(target) },
        mark(target.state), capital(targetName(target)))));
    },
    collect: nothing,
    close: live.close,
  };
}

function mark(state) {
  return { done: icon("tick"), exception: icon("cross"), saving: icon("wait") }[state] ?? null;
}

// --- the end ---
function review() {
  const list = make("div", { class: "review" });
  const urgent = make("input", { type: "checkbox", name: "urgent" });
  const label = make("label", { class: "tickbox" }, urgent, make("span", { "data-text": "do_urgent" }, t("do_urgent")));
  return {
    element: make("div", { class: "review" }, list, label),
    update({ person, targets, language }) {
      show(list, [person, targets, language], () => [personList(person), taken(targets)]);
    },
    collect: () => ({ urgent: urgent.checked }),
  };
}

function personList(person) {
  const rows = FIELDS.filter((name) => person?.[name]);
  const worded = (name) => ({ nik: groupNik(person.nik), sex: t(`sex_${person.sex}`) })[name] ?? person[name];
  return make("dl", {}, ...rows.flatMap((name) => [make("dt", {}, t(name)), make("dd", {}, worded(name))]));
}

// Five groups with what was taken, then everything that was not, with its reason.
function taken(targets) {
  const groups = ["population", "face", "signature", "finger", "iris"].map((kind) => {
    const members = targets.filter((target) => target.kind === kind), done = members.filter(({ state }) => state === "done").length;
    const words = members.length > 1 ? `${t(`step_${kind === "finger" ? "fingers" : "irises"}`)} ${done}/${members.length}` : capital(targetName({ kind, position: 0 }));
    return make("span", { class: done === members.length ? "done" : "exception" }, mark(done === members.length ? "done" : "exception"), words);
  });
  const reasons = targets.filter(({ reason, kind }) => reason && kind !== "check").map((target) => make("span", { class: "exception" }, `${capital(targetName(target))}: ${t(`reason_${target.reason}`)}`));
  return make("div", { class: "taken" }, ...groups, ...reasons);
}

function slip() {
  const told = make("ol", { class: "facts" });
  const element = make("div", { class: "tick" }, large("tick"), make("div", { "data-text": "notice_saved" }, t("notice_saved")), told);
  const update = ({ language, devices }) => show(told, [language, "printer" in devices], () =>
    ["slip_do_print", "slip_do_stamp", "slip_do_home"].filter((code) => code !== "slip_do_print" || "printer" in devices).map((code) => make("li", {}, t(code))));
  return { element, update, collect: nothing };
}

function stopping() {
  const next = make("p");
  const update = ({ power, language }) => show(next, [power.sentence?.id, language], () => t(power.sentence?.id === "power_stopping_asked" ? "stopping_next_asked" : "stopping_next"));
  return { element: make("div", { class: "tick" }, large("tick"), next), update, collect: nothing };
}

function large(name) {
  const drawing = icon(name);
  drawing.removeAttribute("class");
  return drawing;
}
