/** Large type, remembered by this phone. */
export function largeType() {
  const button = document.querySelector("[data-large-type]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const large = document.documentElement.toggleAttribute("data-large");
    button.setAttribute("aria-pressed", String(large));
    document.cookie = `banyi_large=${large ? 1 : 0}; Path=/; Max-Age=31536000; SameSite=Lax`;
  });
}
