// Finding a patient with the keyboard: "/" goes to the search, the arrows walk through who was found.
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-search]");
  if (!search || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches?.("input, textarea, select");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || (typing && event.target !== search)) return;
  const found = [...document.querySelectorAll("[data-faces] a")];
  if (!found.length) return;
  event.preventDefault();
  const next = found.indexOf(document.activeElement) + step;
  (next < 0 ? search : found[Math.min(next, found.length - 1)]).focus();
});
