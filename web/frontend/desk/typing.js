// A part in which somebody writes or chooses waits with its refresh until they are done.
const FIELDS = "input:not([type=hidden]), textarea, select";

export function setUpTyping() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (part.id !== "tasks") return;
    const busy = [...part.querySelectorAll(FIELDS)].some((field) => field === document.activeElement || field.value);
    if (busy) event.detail.shouldSwap = false;
  });
}
