// Runs before the first paint, so that a chosen theme never flashes in late.
const chosen = localStorage.getItem("banyi-theme");
if (chosen === "banyi" || chosen === "banyi-dark") document.documentElement.dataset.theme = chosen;
