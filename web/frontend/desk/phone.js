/** The phone page: digits choose an answer while the nurse listens, Enter writes it down. */
export function setUpPhone() {
  const form = document.querySelector("form[data-phone]");
  if (!form) return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("textarea, select, input:not([data-digit])")) return;
    const choice = form.querySelector(`[data-digit="${CSS.escape(event.key)}"]`);
    if (choice) {
      event.preventDefault();
      choice.checked = choice.type === "radio" || !choice.checked;
      choice.focus();
    } else if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}
