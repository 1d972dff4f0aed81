// What a sensor sees this very moment, as one short sentence on its picture: help with aiming, never a verdict.
import { icon, make, show } from "./dom.js";
import { BROKEN } from "./panels.js";
import { has, t } from "./texts.js";

export function liveHint(source) {
  const element = make("div", { class: "live", "aria-live": "off", hidden: true });
  return {
    element,
    update({ live, language, automatic, devices }) {
      const mine = live?.source === source && !BROKEN.includes(devices[source]?.state) ? live : null; // who is away sees nothing
      element.hidden = mine === null;
      if (mine === null) return;
      element.dataset.live = mine.id;
      element.classList.toggle("good", mine.good);
      show(element, [mine.id, mine.fix, mine.good, language, automatic], () => [icon(mine.good ? "tick" : "info"), make("span", {}, words(mine))]);
    },
  };
}

function words({ id, fix }) {
  return t(fix && has(fix) ? fix : id);
}
