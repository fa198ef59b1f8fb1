// The alerts: timers that count down by the hospital's clock, a key to acknowledge, and a sound for what is new.
import { busy } from "./typing.js";

const MUTED = "banyi-alerts-muted";
const HEARD = "banyi-alerts-heard";
let context = null;

export function setUpAlerts() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSettle", tick);
  document.addEventListener("keydown", keys);
  document.body.addEventListener("desk:alerts", look);
  // Browsers let a page sound only after somebody has touched it.
  document.addEventListener("pointerdown", wake, { once: true });
  document.addEventListener("keydown", wake, { once: true });
  const button = document.querySelector("[data-alert-sound]");
  if (button) {
    name(button);
    button.addEventListener("click", () => {
      localStorage.setItem(MUTED, localStorage.getItem(MUTED) ? "" : "1");
      name(button);
    });
  }
  keepOpen();
  look();
}

function name(button) {
  const muted = Boolean(localStorage.getItem(MUTED));
  button.textContent = muted ? button.dataset.on : button.dataset.off;
  button.setAttribute("aria-pressed", String(!muted));
}

// --- timers ---

const begun = Date.now();

function tick() {
  for (const list of document.querySelectorAll("[data-alerts]")) {
    list.dataset.since ??= String(Date.now());
    const now = Date.parse(list.dataset.now) + Date.now() - Number(list.dataset.since);
    for (const timer of list.querySelectorAll("[data-due]")) show(timer, Date.parse(timer.dataset.due) - now);
  }
}

function show(timer, left) {
  const late = left < 0;
  const seconds = Math.floor(Math.abs(left) / 1000);
  const parts = seconds >= 3600 ? [seconds / 3600, (seconds % 3600) / 60, seconds % 60] : [seconds / 60, seconds % 60];
  const time = parts.map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  timer.textContent = (late ? timer.dataset.late : timer.dataset.left).replace("{time}", time);
  timer.classList.toggle("alert-late", late);
}

// --- A acknowledges the alert that has the focus; J and K move there (keys.js) ---

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  if (event.key.toLowerCase() !== "a") return;
  const form = document.activeElement?.closest?.("[data-alert]")?.querySelector("[data-acknowledge]");
  if (form) event.preventDefault();
  form?.requestSubmit();
}

// --- what is new ---

async function look() {
  try {
    const answer = await fetch("/desk/alerts/now", { headers: { "X-Poll": "1", Accept: "application/json" } });
    if (!answer.ok) return;
    const { newest } = await answer.json();
    const heard = localStorage.getItem(HEARD) ?? "";
    if (newest > heard) {
      localStorage.setItem(HEARD, newest);
      if (!localStorage.getItem(MUTED) && Date.now() - begun > 2000) sound();
    }
  } catch {
    // The line is lost: the desk says so, and this is asked again when it is back.
  }
}

function wake() {
  context ??= new AudioContext();
}

function sound() {
  if (!context) return;
  for (const [at, pitch] of [[0, 880], [0.22, 660]]) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.12, context.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + at + 0.2);
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + at);
    tone.stop(context.currentTime + at + 0.2);
  }
}

// --- what is open, focused or half written survives a refresh ---

function keepOpen() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part.querySelector?.("[data-alerts]")) return;
    // Somebody writes: the list waits, the badge has told already.
    if (busy(part)) {
      event.detail.shouldSwap = false;
      return;
    }
    const open = [...part.querySelectorAll("details[open][data-keep]")].map((one) => one.dataset.keep);
    const focused = document.activeElement?.closest("[data-alert]")?.id;
    part.addEventListener(
      "htmx:afterSettle",
      () => {
        for (const name of open) part.querySelector(`details[data-keep="${name}"]`)?.setAttribute("open", "");
        if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      },
      { once: true },
    );
  });
}
