const dialog = document.getElementById("pictures");
let wanted = null;

/** The library in a dialog; `chosen(id)` is called with the picture that was taken. */
export function pick(chosen) {
  wanted = chosen;
  window.htmx.ajax("GET", "/content/media/pick", { target: "#picker", swap: "innerHTML" });
  dialog.showModal();
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-picture]");
  if (!button) return;
  dialog.close();
  wanted?.(button.dataset.picture, button.dataset.alt);
});
