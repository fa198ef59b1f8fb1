// The big screen: fetches its part again and again, for days. What it cannot fetch it says; what is old is never shown as new.
const EVERY = 3000;
const PATIENCE = 10000;
const FRESH = 6 * 60 * 60 * 1000; // a new page now and then: a new build, and nothing that piles up

const board = document.getElementById("board");
const lost = document.getElementById("lost");
const since = document.getElementById("since");
const born = Date.now();
let failures = 0;

async function look() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const answer = await fetch(document.body.dataset.now, { signal: stop.signal, cache: "no-store" });
    if (answer.status === 404) return location.reload(); // taken back: the page says so
    if (!answer.ok) throw new Error(String(answer.status));
    const part = await answer.text();
    if (Date.now() - born > FRESH) return location.reload();
    board.innerHTML = part;
    failures = 0;
    lost.hidden = true;
    document.body.classList.remove("old");
  } catch {
    failures += 1;
    if (failures === 2) since.textContent = board.querySelector("time")?.textContent ?? "";
    lost.hidden = failures < 2;
    document.body.classList.toggle("old", failures > 1);
  } finally {
    clearTimeout(timer);
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
