// Canned replies: a "/" at the beginning of an answer finds them; arrows choose, Enter puts one in its place.
export function setUpCanned() {
  document.addEventListener("input", (event) => event.target.matches("[data-canned]") && find(event.target));
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (!field.matches?.("[data-canned]") || event.isComposing) return;
    const list = listOf(field);
    if (list.hidden) return;
    if (event.key === "Escape") close(field);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(field, event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) (chosen(list) ?? list.querySelector("[role=option]"))?.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("click", (event) => {
    const option = event.target.closest(".desk-choice");
    const field = document.querySelector("[data-canned]");
    if (!option || !field) return;
    field.value = option.dataset.text;
    close(field);
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true }));
  });
}

const listOf = (field) => document.getElementById(field.getAttribute("aria-controls"));
const chosen = (list) => list.querySelector('[aria-selected="true"]');

async function find(field) {
  if (!field.value.startsWith("/")) return close(field);
  const asked = field.value;
  const answer = await fetch(`${field.dataset.canned}?q=${encodeURIComponent(asked.slice(1, 61))}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || field.value !== asked) return;
  const list = listOf(field);
  list.innerHTML = await answer.text();
  list.querySelectorAll("[role=option]").forEach((option, n) => (option.id = `canned-${n}`));
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
}

function choose(field, step) {
  const list = listOf(field);
  const all = [...list.querySelectorAll("[role=option]")];
  if (!all.length) return;
  const at = all.indexOf(chosen(list));
  const next = all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length];
  for (const one of all) one.setAttribute("aria-selected", String(one === next));
  next.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", next.id);
}

function close(field) {
  const list = listOf(field);
  list.hidden = true;
  list.replaceChildren();
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}
