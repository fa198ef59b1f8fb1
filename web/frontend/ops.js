// The operators' pages: confirmations, filters that apply at once, the live parts.
import { setUpDialogs } from "./ops/dialogs.js";

setUpDialogs(document);

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// A live part waits while the page is not looked at, while a question is open, and while somebody is in it with the keyboard.
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
