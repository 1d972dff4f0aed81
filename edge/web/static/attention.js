// Sounds that go with what is seen, the time a step takes, and a cover over people's data when nobody is there.
import { make } from "./dom.js";
import { powerLine } from "./power.js";
import { snapshot } from "./station.js";
import { t } from "./texts.js";

const AWAY_MS = 60_000;
const SOUNDS = { saved: [880, 90], verdict: [220, 250], prompt: [560, 60] };
let audio = null, lastTouch = Date.now(), place = "", since = Date.now(), before = null;

function play(name) {
  if (audio?.state !== "running") return;
  const [hertz, ms] = SOUNDS[name];
  const tone = audio.createOscillator(), loudness = audio.createGain();
  tone.frequency.value = hertz;
  loudness.gain.value = 0.15;
  tone.connect(loudness).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + ms / 1000);
}

export function attend(snapshot) {
  const done = snapshot.targets.filter(({ state }) => state === "done").length;
  if (before && done > before.done) play("saved");
  else if (before && snapshot.verdict && JSON.stringify(snapshot.verdict) !== before.verdict) play("verdict");
  else if (before && snapshot.hint === "place" && before.hint !== "place") play("prompt");
  before = { done, verdict: JSON.stringify(snapshot.verdict), hint: snapshot.hint };
  const here = `${snapshot.step}/${snapshot.person?.ticket}`;
  if (here !== place) since = Date.now();
  place = here;
  if (snapshot.activity !== null) lastTouch = Date.now();
}

function tick() {
  const seconds = Math.floor((Date.now() - since) / 1000);
  const clock = document.getElementById("elapsed");
  clock.textContent = place.startsWith("null") ? "" : t("elapsed", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
  const cover = document.getElementById("cover");
  const away = Date.now() - lastTouch > AWAY_MS && !place.startsWith("null");
  if (away && cover.hidden) cover.replaceChildren(make("h1", {}, t("still_there")), make("p", {}, t("still_there_why")), make("button", { type: "button" }, t("do_continue")), make("p", { class: "covered" }, ...powerLine(snapshot().power).filter(Boolean)));
  cover.hidden = !away;
}

export function watchTouches() {
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => {
      lastTouch = Date.now();
      audio ??= new AudioContext();
      audio.resume();
      setTimeout(tick, 200);
    }, { capture: true });
  }
  setInterval(tick, 1000);
}
