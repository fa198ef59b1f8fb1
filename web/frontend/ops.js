// The operators' pages: confirmations, filters that apply at once, the live parts.
import { setUpDialogs } from "./ops/dialogs.js";

setUpDialogs(document);

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// A live part waits while the page is not looked at and while a question is open.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (!part.hasAttribute("data-live")) return;
  if (document.hidden || document.querySelector("dialog[open]")) event.preventDefault();
});

// What is open stays open over a refresh.
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part.hasAttribute?.("data-live")) return;
  const open = part.querySelector("details[open]") !== null;
  part.addEventListener("htmx:afterSettle", () => open && part.querySelector("details")?.setAttribute("open", ""), { once: true });
});

// Nothing is exchanged under a pressed button; who is in a live part with the keyboard stays on what they were on, or, where that is gone,
// in the part: never on what has moved up in its place.
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part.hasAttribute?.("data-live") || !part.id) return;
  if (part.matches(":active")) {
    event.detail.shouldSwap = false;
    return;
  }
  const field = document.activeElement;
  if (!part.contains(field)) return;
  const kept = part === field ? "" : sign(field);
  const put = (settled) => {
    if (settled.target.id !== part.id) return;
    document.removeEventListener("htmx:afterSettle", put);
    if (document.activeElement && document.activeElement !== document.body) return;
    const now = document.getElementById(part.id);
    const same = [...now.querySelectorAll(field.tagName)].filter((one) => kept && sign(one) === kept);
    if (same.length !== 1) now.tabIndex = -1;
    (same.length === 1 ? same[0] : now).focus({ preventScroll: true });
  };
  document.addEventListener("htmx:afterSettle", put);
});

function sign(field) {
  return [field.tagName, field.name, field.getAttribute("href"), field.form?.getAttribute("action"), field.getAttribute("aria-label") ?? field.textContent.trim()].join("|");
}

// One box ticks all of a name.
for (const box of document.querySelectorAll("[data-all]")) {
  box.addEventListener("change", () => {
    for (const one of box.form.querySelectorAll(`[name="${box.dataset.all}"]`)) one.checked = box.checked;
  });
}

// A form that answers while it is filled in: a field somebody types in is not exchanged under their hands; leaving it asks again.
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  const field = document.activeElement;
  if (!part.closest?.("form[data-steady]") || !part.contains(field) || !field.matches("input:not([type=radio], [type=checkbox]), textarea")) return;
  if (field.value !== field.defaultValue) event.detail.shouldSwap = false;
});
