/** Badges from /health/ready: `{"checks": [{"name", "label", "ok", "detail"}]}`, answered with 200 or 503. */
export function showHealth(box, xhr) {
  let checks = [];
  try {
    checks = JSON.parse(xhr.responseText).checks ?? [];
  } catch {
    /* nothing readable came: said below */
  }
  const badges = checks.map((check) => badge(check.label ?? check.name, check.ok, check.detail));
  if (badges.length === 0) badges.push(badge("服务", false, "读不到运行状态"));
  const now = badges.map((one) => one.textContent).join("|");
  if (box.dataset.shown === now) return; // unchanged: nothing to announce
  box.dataset.shown = now;
  box.replaceChildren(...badges);
}

function badge(label, ok, detail) {
  const one = document.createElement("span");
  one.className = `badge badge-soft ${ok ? "badge-success" : "badge-error"}`;
  one.textContent = `${label} ${ok ? "正常" : "异常"}${!ok && detail ? `：${detail}` : ""}`;
  return one;
}
