// Ten fingers to look at and to touch. Seen from behind the hands: left hand left, thumbs in the middle.
import { make, vector } from "./dom.js";
import { t, targetName } from "./texts.js";

const HEIGHTS = { thumb: 110, index: 185, middle: 212, ring: 190, little: 148 };
const NAMES = ["thumb", "index", "middle", "ring", "little"];
const BASE = 268, COLUMN = 100, WIDTH = 78, ROUND = WIDTH / 2;
const HANDS = [{ side: "left", fingers: [10, 9, 8, 7, 6] }, { side: "right", fingers: [1, 2, 3, 4, 5] }];

export function hands(kind, onTouch) {
  return make("div", { class: "hands" }, ...HANDS.map((hand) => oneHand(hand, kind, onTouch)));
}

function oneHand({ side, fingers }, kind, onTouch) {
  const drawing = vector("svg", { viewBox: "0 50 500 262", preserveAspectRatio: "xMidYMid meet", role: "group", "aria-label": t(`hand_${side}`) });
  drawing.append(vector("path", { class: "palm", d: `M11 ${BASE}H489C489 290 470 308 440 308H60C30 308 11 290 11 ${BASE}` }));
  fingers.forEach((position, column) => drawing.append(finger(kind, position, column, onTouch)));
  return make("div", { class: "hand" }, drawing, make("b", { "data-text": `hand_${side}` }, t(`hand_${side}`)));
}

function finger(kind, position, column, onTouch) {
  const height = HEIGHTS[NAMES[(position - 1) % 5]];
  const x = column * COLUMN + (COLUMN - WIDTH) / 2, middle = column * COLUMN + COLUMN / 2, top = BASE - height;
  const group = vector("g", { class: "finger", role: "button", tabindex: "0", "data-kind": kind, "data-position": position });
  group.append(
    vector("rect", { class: "hit", x: column * COLUMN, y: 0, width: COLUMN, height: 300 }),
    vector("path", { class: "shape", d: `M${x} ${BASE}V${top + ROUND}a${ROUND} ${ROUND} 0 0 1 ${WIDTH} 0V${BASE}` }),
    vector("path", { class: "mark", d: "" }),
  );
  group.dataset.middle = middle;
  group.dataset.top = top;
  const touch = () => onTouch({ kind, position });
  group.addEventListener("click", touch);
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault(); // or the same stroke would also press what is focused next, in the dialog
    touch();
  });
  return group;
}

export function paint(root, targets, kind) {
  for (const group of root.querySelectorAll(".finger")) {
    const found = targets.find((target) => target.kind === kind && target.position === Number(group.dataset.position));
    const state = found ? found.state : "todo";
    group.setAttribute("class", `finger ${state}`);
    group.setAttribute("aria-label", `${targetName({ kind: "finger", position: group.dataset.position })}: ${t(found?.reason ? `reason_${found.reason}` : `state_${state}`)}`);
    group.setAttribute("aria-disabled", found ? "false" : "true");
    const x = Number(group.dataset.middle), y = Number(group.dataset.top) + 45;
    const marks = { done: `M${x - 18} ${y}l13 14 24-28`, exception: `M${x - 17} ${y - 17}l34 34M${x + 17} ${y - 17}l-34 34`, saving: `M${x - 20} ${y}h.1M${x} ${y}h.1M${x + 20} ${y}h.1` };
    group.querySelector(".mark").setAttribute("d", marks[state] ?? "");
  }
}
