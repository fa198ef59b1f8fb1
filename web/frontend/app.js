import htmx from "htmx.org";
import { showHealth } from "./health.js";
import { setUpSession } from "./session.js";
import { toast } from "./toast.js";

window.htmx = htmx;
setUpSession();

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="csrf-token"]').content;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr } = event.detail;
  if (elt.hasAttribute("data-health")) showHealth(elt, xhr);
});

function failed(event) {
  const { elt, xhr } = event.detail;
  if (elt.hasAttribute("data-health") || elt.hasAttribute("data-quiet")) return;
  let said = "";
  try {
    said = JSON.parse(xhr.responseText).detail;
  } catch {
    /* not JSON: the general sentence will do */
  }
  toast(said || "没有成功，请检查网络后再试。", "error");
}
document.addEventListener("htmx:responseError", failed);
document.addEventListener("htmx:sendError", failed);

document.querySelector("[data-theme-toggle]")?.addEventListener("click", () => {
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = root.dataset.theme ? root.dataset.theme === "banyi-dark" : systemDark;
  root.dataset.theme = dark ? "banyi" : "banyi-dark";
  localStorage.setItem("banyi-theme", root.dataset.theme);
});
