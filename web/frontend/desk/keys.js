// The desk by keyboard: `data-key` on a button or field is the key that presses it; the table of keys is in the page (`?`).
let going = 0;

export function setUpKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if ("jk".includes(event.key.toLowerCase())) return move(event, event.key.toLowerCase() === "j" ? 1 : -1);
    if (event.key === "g") return void (going = Date.now());
    if (Date.now() - going < 1500 && /^[1-9]$/.test(event.key)) {
      document.querySelectorAll("#desk-tabs a")[Number(event.key) - 1]?.click();
      return;
    }
    const target = keyed(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("textarea, input:not([type=radio])")) target.focus();
    else target.click();
  });
}

// Inside a list's line a key counts while the focus is in that line; everywhere else at once.
function keyed(key) {
  const line = document.activeElement?.closest("[data-line]");
  return line?.querySelector(key) ?? [...document.querySelectorAll(key)].find((one) => !one.closest("[data-line]"));
}

function move(event, step) {
  const all = [...document.querySelectorAll("[data-alert], [data-line] .desk-link")];
  if (!all.length) return;
  event.preventDefault();
  const at = all.findIndex((one) => one.contains(document.activeElement));
  all[Math.min(Math.max(at + step, 0), all.length - 1)].focus();
}
