// A part in which somebody writes or chooses waits with its refresh until they are done. In the list of calls only the line
// they are in waits: who has the call now stands above what they have written.
const FIELDS = "input:not([type=hidden]), textarea, select";

function changed(field) {
  if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
}

// What was chosen counts as much as what was typed: on its way from the list to the button nobody's focus is in a field.
export const busy = (part) => part.contains(document.activeElement?.closest(FIELDS)) || [...part.querySelectorAll(FIELDS)].some(changed);

export function setUpTyping() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (part.id !== "tasks" && part.id !== "calls") return;
    const looking = part.id === "calls" && part.querySelector("details[open], :focus");
    if (!looking && !busy(part)) return;
    event.detail.shouldSwap = false;
    if (part.id === "calls") byLine(part, new DOMParser().parseFromString(event.detail.serverResponse, "text/html"));
  });
}

function byLine(part, page) {
  for (const line of part.querySelectorAll("[data-line]")) {
    const now = page.getElementById(line.id);
    if (!now) continue;
    if (!busy(line) && !line.querySelector("details[open], :focus")) line.replaceWith(now);
    else line.querySelector("[data-who]")?.replaceWith(now.querySelector("[data-who]"));
  }
}
