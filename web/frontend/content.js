// The editors' pages: how long a text is, and what it makes as an SMS (70 characters in one part, 67 in each of several).
function length(text) {
  return [...text].reduce((sum, char) => sum + char.length, 0);
}

function follow(meter) {
  const field = document.getElementById(meter.dataset.meter);
  const show = (name, value) => {
    const place = meter.querySelector(`[data-${name}]`);
    if (place) place.textContent = value;
  };
  const update = () => {
    const text = field.value.trim();
    const count = length(text);
    show("count", count);
    let over = count > Number(meter.dataset.most);
    if (meter.dataset.around) {
      const total = Number(meter.dataset.around) + length(text.replace(/。+$/, ""));
      const parts = total <= 70 ? 1 : Math.ceil(total / 67);
      show("total", total);
      show("parts-now", parts);
      over ||= parts > Number(meter.dataset.parts);
      const most = 67 * Number(meter.dataset.parts);
      meter.parentElement.querySelector("[data-bar]").setAttribute("width", `${Math.min(100, (total / most) * 100)}%`);
    }
    meter.classList.toggle("text-error", over);
    meter.classList.toggle("font-medium", over);
  };
  field.addEventListener("input", update);
  update();
}

for (const meter of document.querySelectorAll("[data-meter]")) follow(meter);
