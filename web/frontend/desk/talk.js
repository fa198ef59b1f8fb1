// One conversation: its end in view, an answer by Ctrl+Enter, a draft that outlives a reload, and who has it now.
export function setUpTalk() {
  const talk = document.getElementById("talk");
  if (!talk) return;
  toEnd(talk);
  restore();
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("[data-canned]")) return;
    event.preventDefault();
    event.target.form.querySelector("[data-send]").click();
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("[data-draft]");
    if (form) sessionStorage.setItem(`desk-draft:${form.dataset.draft}`, form.elements.text.value);
  });
  // A form on its way leads to the next page by itself.
  let leaving = false;
  document.addEventListener("submit", (event) => {
    if (event.target.method === "post" && !event.target.hasAttribute("hx-post")) leaving = true;
  });
  addEventListener("beforeunload", () => {
    leaving = true;
    setTimeout(() => (leaving = false), 5000); // a download leaves nothing
  });
  let atEnd = true;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === talk) atEnd = nearEnd(talk);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt === talk || event.detail.target === talk) {
      if (atEnd) toEnd(talk);
      const held = talk.querySelector("[data-held-now]");
      if (!leaving && held && held.dataset.heldNow !== talk.dataset.held) location.replace(location.pathname);
    }
    const form = document.querySelector("[data-draft]");
    if (form && !form.elements.text.value) sessionStorage.removeItem(`desk-draft:${form.dataset.draft}`);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "compose") document.getElementById("answer")?.focus();
  });
}

function restore() {
  const form = document.querySelector("[data-draft]");
  const kept = form && sessionStorage.getItem(`desk-draft:${form.dataset.draft}`);
  if (kept && !form.elements.text.value) form.elements.text.value = kept;
}

const lines = (talk) => talk.querySelector(".desk-lines");

function nearEnd(talk) {
  const list = lines(talk);
  return !list || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function toEnd(talk) {
  const list = lines(talk);
  if (list) list.scrollTop = list.scrollHeight;
}
