/** Say something in passing. `kind`: info | success | warning | error. Errors stay twice as long, unless `stays` (ms) says otherwise. */
export function toast(text, kind = "info", stays = kind === "error" ? 8000 : 4000) {
  const box = document.createElement("div");
  box.className = `alert alert-${kind} shadow-lg max-w-[90vw] whitespace-normal`;
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), stays);
  return box;
}
