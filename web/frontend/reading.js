// An article's page on a patient's phone: large type, reading aloud, and telling the server when it was really read.
import { largeType } from "./patient/large.js";

const page = document.getElementById("main").dataset;
const text = document.querySelector("[data-text]");

/** Sentences short enough that no engine gives up in the middle of one. */
function sentences(box) {
  const blocks = [document.querySelector("h1"), ...box.querySelectorAll("h2, h3, h4, p, li, th, td")];
  const plain = blocks.filter((one) => !one.querySelector("p, li")).map((one) => one.textContent.trim());
  return plain.flatMap((one) => one.match(/[^。！？；\n]{1,120}[。！？；]?/g) || []);
}

function readAloud(button) {
  const speech = window.speechSynthesis;
  if (!speech || !text) return;
  const chinese = () => speech.getVoices().find((one) => /^(zh|cmn)/i.test(one.lang));
  const offer = () => {
    button.hidden = !chinese();
  };
  const show = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "停止" : "朗读";
  };
  let speaking = false;
  offer();
  if (speech.addEventListener) speech.addEventListener("voiceschanged", offer);
  button.addEventListener("click", () => {
    speech.cancel();
    speaking = !speaking;
    show(speaking);
    if (!speaking) return;
    const voice = chinese();
    const all = sentences(text).map((one) => new SpeechSynthesisUtterance(one));
    for (const one of all) {
      one.lang = "zh-CN";
      one.voice = voice;
      one.rate = 0.9;
      speech.speak(one);
    }
    all[all.length - 1].onend = () => {
      speaking = false;
      show(false);
    };
  });
  addEventListener("pagehide", () => speech.cancel());
}

/** A look begins after a second in sight. What is told is all of it so far: telling twice changes nothing. */
function tellOfReading(address) {
  const view = Array.from(crypto.getRandomValues(new Uint8Array(12)), (one) => one.toString(16).padStart(2, "0")).join("");
  let before = 0;
  let since = null;
  let opened = false;
  let end = false;
  const inSight = () => before + (since === null ? 0 : performance.now() - since);
  const tell = () => {
    if (!opened) return;
    const dwell = Math.round(inSight() / 1000);
    const said = JSON.stringify({ view, slug: page.slug, revision: Number(page.revision), dwell, end });
    const body = new Blob([said], { type: "application/json" });
    if (navigator.sendBeacon && navigator.sendBeacon(address, body)) return;
    fetch(address, { method: "POST", body, keepalive: true }).catch(() => {});
  };
  const look = () => {
    const shown = document.visibilityState === "visible" && !document.prerendering;
    if (shown && since === null) since = performance.now();
    if (!shown && since !== null) {
      before = inSight();
      since = null;
      tell();
    }
  };
  look();
  document.addEventListener("visibilitychange", look);
  document.addEventListener("prerenderingchange", look);
  addEventListener("pagehide", tell);
  let beats = 0;
  setInterval(() => {
    if (since === null) return;
    beats += 1;
    if (!opened && inSight() >= 1000) {
      opened = true;
      tell();
    } else if (beats % 30 === 0) tell();
  }, 500);
  if (!window.IntersectionObserver) return;
  let waiting;
  new IntersectionObserver(([mark], watching) => {
    clearTimeout(waiting);
    if (!mark.isIntersecting) return;
    // Who flings to the bottom has not read it; a short article takes a few seconds all the same.
    waiting = setTimeout(() => {
      opened = true;
      end = true;
      tell();
      watching.disconnect();
    }, Math.max(500, 3000 - inSight()));
  }).observe(document.getElementById("end"));
}

const speak = document.querySelector("[data-speak]");
largeType();
if (speak) readAloud(speak);
if (page.seen) tellOfReading(page.seen);
