// Live pictures: the page asks for each one, so a slow page is never flooded and a stopped camera is noticed.
import { make } from "./dom.js";
import { t } from "./texts.js";

const STALE_MS = 1000;
const FRAME_MS = 62;
const RETRY_MS = 700;

export function picture(source, oval) {
  const image = make("img", { alt: "" });
  const stopped = make("span", { class: "stopped", "data-text": "preview_waiting" }, t("preview_waiting"));
  const box = make("div", { class: "preview stale" }, image, oval ? make("div", { class: "oval" }) : null, stopped);
  let seen = 0, url = null, asked = 0;
  const line = pull(`source=${source}`, () => "next", (data) => {
    if (typeof data === "string") return;
    const old = url;
    url = URL.createObjectURL(data);
    image.onload = () => old && URL.revokeObjectURL(old);
    image.src = url;
    asked = performance.now();
    box.dataset.frames = ++seen;
    box.classList.remove("stale");
    stopped.dataset.text = "preview_stopped";
  }, FRAME_MS);
  const watch = setInterval(() => {
    if (performance.now() - asked > STALE_MS) box.classList.add("stale");
    stopped.textContent = t(stopped.dataset.text);
  }, 250);
  return { element: box, close() { clearInterval(watch); line(); if (url) URL.revokeObjectURL(url); } };
}

export function paper() {
  const canvas = make("canvas", { width: 1000, height: 375, role: "img", "aria-label": t("target_signature") });
  const pen = canvas.getContext("2d");
  let points = [], last = null;
  pen.lineCap = "round";
  const line = pull("source=tablet", () => String(points.length), (data) => {
    const said = JSON.parse(data);
    if (said.start < points.length || (said.start === 0 && said.points.length === 0)) {
      if (points.length && said.start === 0) { points = []; last = null; pen.clearRect(0, 0, canvas.width, canvas.height); }
    }
    for (const point of said.points) { draw(pen, last, point); last = point; points.push(point); }
    canvas.dataset.points = points.length;
  }, 40);
  return { element: canvas, reset() { points = []; last = null; pen.clearRect(0, 0, canvas.width, canvas.height); }, close: line };
}

// Tablets have about 0.01 mm units on some 100 x 37.5 mm.
function draw(pen, from, to) {
  if (!from || !from[3] || !to[3]) return;
  pen.lineWidth = 2 + (to[2] / 1023) * 6;
  pen.beginPath();
  pen.moveTo(from[0] / 10, from[1] / 10);
  pen.lineTo(to[0] / 10, to[1] / 10);
  pen.stroke();
}

function pull(query, question, take, pauseMs) {
  let socket = null, open = true;
  let askedAt = 0;
  const ask = () => {
    askedAt = performance.now();
    if (socket?.readyState === WebSocket.OPEN) socket.send(question());
  };
  const connect = () => {
    if (!open) return;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/preview?${query}`);
    socket.binaryType = "blob";
    socket.onopen = ask;
    socket.onmessage = (message) => { take(message.data); setTimeout(ask, Math.max(0, pauseMs - (performance.now() - askedAt))); };
    socket.onclose = () => setTimeout(connect, RETRY_MS);
  };
  connect();
  return () => { open = false; socket?.close(); };
}
