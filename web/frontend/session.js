// A signed-in page: what it asks by itself is marked, somebody at work stays signed in, and nobody's screen stays open.
import { toast } from "./toast.js";

const PING_EVERY = 60_000;
const WARN_BEFORE = 60_000;
const ACTED = "banyi-acted";

export function setUpSession() {
  document.addEventListener("htmx:configRequest", (event) => {
    const why = event.detail.triggeringEvent?.type ?? "";
    if (why === "hx:poll:trigger" || why.startsWith("desk:")) event.detail.headers["X-Poll"] = "1";
  });
  const meta = document.querySelector('meta[name="session-idle"]');
  if (meta) watch(Number(meta.content) * 1000);
}

function watch(idle) {
  let acted = Date.now();
  let told = acted;
  let warning = null;
  const act = () => {
    acted = Date.now();
    localStorage.setItem(ACTED, acted); // other tabs of the same session hear of it
    warning?.remove();
    warning = null;
    if (acted - told < PING_EVERY) return;
    told = acted;
    const token = document.querySelector('meta[name="csrf-token"]').content;
    fetch("/account/here", { method: "POST", headers: { "X-CSRF-Token": token } }).catch(() => {});
  };
  for (const kind of ["pointerdown", "keydown", "input", "scroll"]) document.addEventListener(kind, act, { passive: true, capture: true });
  setInterval(() => {
    acted = Math.max(acted, Number(localStorage.getItem(ACTED)) || 0);
    const left = acted + idle - Date.now();
    if (left <= 0) {
      location.assign(`/sign-in?why=idle&next=${encodeURIComponent(location.pathname + location.search)}`);
    } else if (left <= WARN_BEFORE && !warning) {
      warning = toast("您有一阵没操作了，一分钟后会自动退出。点一下页面或按任意键就能继续。", "warning", WARN_BEFORE);
    }
  }, 5000);
}
