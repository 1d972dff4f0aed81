// One screen for each situation: build() once, update() with every snapshot, collect() gives the fields of the primary event.
import { icon, make, show } from "./dom.js";
import { hands, paint } from "./hands.js";
import { paper, picture } from "./preview.js";
import { groupNik, t, targetName } from "./texts.js";

const FIELDS = ["name", "nik", "birth_place", "birth_date", "sex", "address", "religion", "marital_status", "occupation"];
const DOUBLE = ["name", "address"];

export function screenOf(snapshot) {
  if (snapshot.phase === "stopping") return "stopping";
  if (snapshot.primary === "log_in" || snapshot.phase === "locked") return "login";
  if (snapshot.phase === "idle") return "idle";
  if (snapshot.step === "check") return snapshot.target?.kind === "exception_photo" ? "face" : "check";
  return snapshot.step;
}

export const WIDE = ["login", "data", "review", "fingers", "check"];

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
  const operator = make("input", { name: "operator", autocomplete: "off", autocapitalize: "none", maxlength: 32, value: localStorage.getItem("operator") ?? "" });
  const pin = make("input", { name: "pin", type: "password", inputmode: "numeric", autocomplete: "off", maxlength: 12 });
  const press = (key) => { pin.value = key === "<" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 12); };
  const keys = [..."123<4560789"].map((key) => make("button", { type: "button", "aria-label": key === "<" ? t("back") : key, onclick: () => press(key) }, key === "<" ? "\u2190" : key));
  const form = make("form", { onsubmit: (event) => event.preventDefault() },
    make("label", { class: "whole" }, make("span", { "data-text": "operator" }, t("operator")), operator),
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

function idle() {
  const ticket = make("input", { name: "ticket", type: "number", min: 1, max: 99999, inputmode: "numeric", value: Number(sessionStorage.getItem("ticket") ?? 0) + 1 });
  const add = (count) => { ticket.value = Math.min(99999, Math.max(1, Number(ticket.value) + count)); };
  return {
    element: make("div", { class: "one" }, make("label", {}, make("span", { "data-text": "ticket" }, t("ticket")),
      make("div", { class: "counter" },
        make("button", { type: "button", "aria-label": "-1", onclick: () => add(-1) }, "\u2212"), ticket,
        make("button", { type: "button", "aria-label": "+1", onclick: () => add(1) }, "+")))),
    update() {},
    collect() {
      sessionStorage.setItem("ticket", ticket.value);
      return { ticket: Number(ticket.value) };
    },
  };
}

function letter() {
  const number = field("letter_number", { maxlength: 64, autofocus: true });
  return { element: make("div", { class: "one" }, number), update() {}, collect: () => ({ number: number.querySelector("input").value.trim() }) };
}

// --- population data: what was changed is marked, and only that is sent ---
function data(snapshot) {
  let known = {};
  const inputs = {};
  const form = make("form", { onsubmit: (event) => event.preventDefault(), oninput: () => mark() });
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
  const live = picture("camera", snapshot.step === "face");
  return { element: live.element, update() {}, collect: nothing, close: live.close };
}

function signature() {
  const sheet = paper();
  let before = null;
  return {
    element: sheet.element,
    update({ activity }) {
      if (activity === "capturing" && before !== "capturing") sheet.reset();
      before = activity;
    },
    collect: nothing,
    close: sheet.close,
  };
}

function fingers(kind, touch) {
  const drawing = hands(kind, touch);
  return { element: drawing, update: ({ targets }) => paint(drawing, targets, kind), collect: nothing };
}

function irises(touch) {
  const live = picture("iris", false);
  const eyes = make("div", { class: "eyes" });
  return {
    element: make("div", { class: "column" }, live.element, eyes),
    update({ targets, language }) {
      const found = targets.filter((target) => target.kind === "iris");
      show(eyes, [found, language], () => found.map((target) => make("button", { type: "button", class: `eye ${target.state}`, "data-position": target.position, onclick: () => touch(target) },
        mark(target.state), targetName(target))));
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
  const rows = ["name", "nik", "birth_place", "birth_date", "sex", "address"].filter((name) => person?.[name]);
  const worded = (name) => ({ nik: groupNik(person.nik), sex: t(`sex_${person.sex}`) })[name] ?? person[name];
  return make("dl", {}, ...rows.flatMap((name) => [make("dt", {}, t(name)), make("dd", {}, worded(name))]));
}

// Five groups with what was taken, then everything that was not, with its reason.
function taken(targets) {
  const groups = ["population", "face", "signature", "finger", "iris"].map((kind) => {
    const members = targets.filter((target) => target.kind === kind), done = members.filter(({ state }) => state === "done").length;
    const words = members.length > 1 ? `${t(`step_${kind === "finger" ? "fingers" : "irises"}`)} ${done}/${members.length}` : targetName({ kind, position: 0 });
    return make("span", { class: done === members.length ? "done" : "exception" }, mark(done === members.length ? "done" : "exception"), words);
  });
  const reasons = targets.filter(({ reason, kind }) => reason && kind !== "check").map((target) => make("span", { class: "exception" }, `${targetName(target)}: ${t(`reason_${target.reason}`)}`));
  return make("div", { class: "taken" }, ...groups, ...reasons);
}

function slip() {
  const element = make("div", { class: "tick" }, large("tick"), make("div", { "data-text": "notice_saved" }, t("notice_saved")));
  return { element, update() {}, collect: nothing };
}

function stopping() {
  return { element: make("div", { class: "tick" }, large("tick"), make("div", { "data-text": "say_stopping" }, t("say_stopping"))), update() {}, collect: nothing };
}

function large(name) {
  const drawing = icon(name);
  drawing.removeAttribute("class");
  return drawing;
}
