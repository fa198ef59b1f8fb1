// How many wait: a number behind each tab, their sum in the browser's tab.
const title = document.title;
const AFTER = 700; // the part that changed is fetched first: what somebody has before them is seen
let asking = 0;

export function setUpCounts() {
  show();
  for (const kind of ["alerts", "conversations", "tasks"]) document.body.addEventListener(`desk:${kind}`, soon);
}

function soon() {
  clearTimeout(asking);
  asking = setTimeout(show, AFTER);
}

async function show() {
  const answer = await fetch("/desk/counts", { headers: { "X-Poll": "1", Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return;
  const counts = await answer.json();
  for (const link of document.querySelectorAll("#desk-tabs a")) {
    const number = counts[link.getAttribute("href")];
    let badge = link.querySelector(".badge");
    if (!number) {
      badge?.remove();
      continue;
    }
    if (!badge) {
      badge = document.createElement("span");
      badge.className = "badge badge-sm badge-primary ml-1";
      link.append(badge);
    }
    badge.textContent = number > 99 ? "99+" : number;
  }
  const sum = Object.values(counts).reduce((a, b) => a + b, 0);
  document.title = sum ? `(${sum > 99 ? "99+" : sum}) ${title}` : title;
}
