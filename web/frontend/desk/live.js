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

export function listen() {
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("banyi-desk");
  channel?.addEventListener("message", (event) => hear(event.data));
  passOn = (name) => channel?.postMessage(name);
  setInterval(() => Date.now() - heard > LOST_AFTER && lose(), LOOK_EVERY);
  addEventListener("online", () => hear("back"));
  addEventListener("offline", lose);
  // Without locks (an address that is not secure) every tab has a line of its own.
  if (navigator.locks && channel) navigator.locks.request("banyi-desk-live", () => new Promise(hold));
  else hold();
}

function hold() {
  const source = new EventSource("/desk/live");
  const tell = (name) => {
    passOn(name);
    hear(name);
  };
  for (const kind of [...KINDS, "beat"]) source.addEventListener(kind, () => tell(kind));
  source.addEventListener("over", () => {
    source.close();
    tell("over");
  });
  source.addEventListener("error", () => {
    setTimeout(() => source.readyState !== EventSource.OPEN && tell("lost"), RETRY);
    if (source.readyState === EventSource.CLOSED) setTimeout(hold, RETRY);
  });
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
