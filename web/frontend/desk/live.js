// The desk's live line. One tab holds it and tells the others (a browser opens six connections to a site at most); what was missed
// while it was lost is asked for when it is back.
const KINDS = ["alerts", "calls", "conversations", "tasks"];
const LOST_AFTER = 16_000;
const LOOK_EVERY = 2_000;
const RETRY = 3_000;

let heard = Date.now();
// Until the line is first heard the page may already be behind: what changed while it was made is asked for then.
let lost = true;
let passOn = () => {};
let source = null; // in the tab that holds the line
let opened = 0;

export function listen() {
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("banyi-desk");
  channel?.addEventListener("message", (event) => hear(event.data));
  passOn = (name) => channel?.postMessage(name);
  setInterval(look, LOOK_EVERY);
  addEventListener("online", again);
  addEventListener("offline", () => {
    lose();
    again();
  });
  // Without locks (an address that is not secure) every tab has a line of its own.
  if (navigator.locks && channel) navigator.locks.request("banyi-desk-live", () => new Promise(open));
  else open();
}

function open() {
  const mine = new EventSource("/desk/live");
  source?.close();
  source = mine;
  opened = Date.now();
  const tell = (name) => {
    passOn(name);
    hear(name);
  };
  for (const kind of [...KINDS, "beat"]) mine.addEventListener(kind, () => tell(kind));
  mine.addEventListener("over", () => {
    mine.close();
    tell("over");
  });
  mine.addEventListener("error", () => {
    setTimeout(() => {
      if (mine !== source || mine.readyState === EventSource.OPEN) return;
      tell("lost");
      if (mine.readyState === EventSource.CLOSED) open();
    }, RETRY);
  });
}

// A connection of a network that is gone may stay silent for many minutes without an error, or go on for a while when the browser says
// that it is offline: only what a new one brings is true.
function again() {
  if (source) open();
}

function look() {
  if (Date.now() - heard <= LOST_AFTER) return;
  lose();
  if (Date.now() - opened > LOST_AFTER) again();
}

function hear(name) {
  if (name === "lost") return lose();
  if (name === "over") return location.assign(`/sign-in?why=idle&next=${encodeURIComponent(location.pathname + location.search)}`);
  heard = Date.now();
  if (lost) {
    lost = false;
    document.getElementById("desk-lost")?.setAttribute("hidden", "");
    for (const kind of KINDS) happen(kind);
  } else if (KINDS.includes(name)) happen(name);
}

function lose() {
  lost = true;
  document.getElementById("desk-lost")?.removeAttribute("hidden");
}

function happen(kind) {
  document.body.dispatchEvent(new CustomEvent(`desk:${kind}`));
}
