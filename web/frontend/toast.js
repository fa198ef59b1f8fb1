/** Say something in passing. `kind`: info | success | error. Errors stay twice as long. */
export function toast(text, kind = "info") {
  const box = document.createElement("div");
  box.className = `alert alert-${kind} shadow-lg max-w-[90vw] whitespace-normal`;
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), kind === "error" ? 8000 : 4000);
}
