/** A button with `data-ask="<dialog id>"` opens it; its other data go into `data-fill`, `data-field` and `data-action`. */
export function setUpDialogs(root) {
  root.addEventListener("click", (event) => {
    const asker = event.target.closest("[data-ask]");
    if (asker) return ask(asker);
    event.target.closest("[data-close]")?.closest("dialog").close();
  });
}

function ask(button) {
  const dialog = document.getElementById(button.dataset.ask);
  for (const place of dialog.querySelectorAll("[data-fill]")) place.textContent = button.dataset[place.dataset.fill] ?? "";
  for (const field of dialog.querySelectorAll("[data-field]")) field.value = button.dataset[field.dataset.field] ?? "";
  for (const form of dialog.querySelectorAll("form[data-action]")) {
    form.action = form.dataset.action.replace("{message}", encodeURIComponent(button.dataset.message));
  }
  dialog.showModal();
}
