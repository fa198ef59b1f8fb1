// Menu, welcome text and keyword replies of an account.
import { Draft } from "./console/draft.js";
import { fill, h } from "./console/dom.js";
import { Editor } from "./console/editor.js";
import { Preview } from "./console/preview.js";
import { tabs } from "./tabs.js";
import { toast } from "./toast.js";

const root = document.getElementById("console");
const words = JSON.parse(root.dataset.words);
const limits = JSON.parse(root.dataset.limits);
const status = document.getElementById("console-status");
const clash = document.getElementById("console-conflict");
const undo = document.getElementById("console-undo");
const discard = document.getElementById("console-discard");
const publish = document.getElementById("console-publish");
const ask = document.getElementById("console-ask");
const back = document.getElementById("console-back");

const draft = new Draft({
  url: root.dataset.url,
  state: JSON.parse(root.dataset.state),
  csrf: document.querySelector('meta[name="csrf-token"]').content,
  changed,
  conflict,
});
const preview = new Preview({ draft, words, limits, hospital: root.dataset.hospital });
const editor = new Editor({ draft, words, limits, shown: () => preview.render() });

function changed(how) {
  const same = draft.tag === draft.liveTag && !draft.dirty;
  const state = same ? words.same : words.differs;
  status.textContent = how === "saved" ? `${words.saved} · ${state}` : words[how];
  status.dataset.how = how;
  undo.disabled = draft.past.length === 0;
  discard.disabled = same;
  publish.disabled = same;
  if (how === "saved") editor.problems();
}

function redraw() {
  editor.render();
  preview.render();
}

function conflict(theirs) {
  status.textContent = words.conflict;
  clash.hidden = false;
  const choose = (act) => () => {
    clash.hidden = true;
    act();
  };
  clash.replaceChildren(
    h("span", { class: "text-base-content mr-auto" }, words.conflict),
    h("button", { type: "button", class: "btn btn-sm", onclick: choose(() => { draft.past.push(JSON.stringify(draft.content)); draft.take(theirs); redraw(); changed("saved"); }) }, words.take_theirs),
    h("button", { type: "button", class: "btn btn-sm", onclick: choose(() => { draft.tag = theirs.tag; draft.later(0); }) }, words.keep_mine),
  );
}

undo.addEventListener("click", () => {
  if (!draft.undo()) return toast(words.undo_nothing);
  redraw();
  toast(words.undone);
});

discard.addEventListener("click", async () => {
  if (draft.saving) await draft.saving;
  const before = JSON.stringify(draft.content);
  let answer;
  try {
    answer = await draft.ask("DELETE", "/draft");
  } catch {
    answer = { ok: false, body: {} };
  }
  if (!answer.ok) return toast(answer.body.detail ?? words.unsaved, "error");
  clearTimeout(draft.timer);
  draft.take(answer.body);
  draft.past.push(before);
  redraw();
  changed("saved");
  toast(words.discarded);
});

publish.addEventListener("click", async () => {
  if (!(await draft.save())) return;
  if (draft.problems.length) {
    const first = draft.problems[0];
    show(document.getElementById(`tab-${first.where.split(".")[0]}`));
    editor.problems();
    document.querySelector(`[data-where="${first.where}"]`)?.focus();
    return toast(first.said, "error");
  }
  ask.showModal();
});

document.getElementById("console-sure").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const note = document.getElementById("console-note");
  button.disabled = true;
  try {
    const answer = await draft.ask("POST", "/publish", { seen: draft.tag, note: note.value });
    ask.close();
    if (!answer.ok) return toast(answer.body.detail ?? words.unsaved, "error");
    draft.liveTag = answer.body.live_tag;
    note.value = "";
    toast(words.published, "success");
    changed("saved");
    await history();
  } catch {
    ask.close();
    toast(words.unsaved, "error");
  } finally {
    button.disabled = false;
  }
});

document.getElementById("panel-history").addEventListener("click", (event) => {
  const button = event.target.closest("[data-roll-back]");
  if (!button) return;
  document.getElementById("console-back-number").textContent = button.dataset.rollBack;
  back.dataset.number = button.dataset.rollBack;
  back.showModal();
});

document.getElementById("console-back-sure").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    await draft.save();
    const answer = await draft.ask("POST", `/roll-back/${back.dataset.number}`);
    back.close();
    if (!answer.ok) return toast(answer.body.detail ?? words.unsaved, "error");
    draft.past.push(JSON.stringify(draft.content));
    draft.take(answer.body);
    redraw();
    changed("saved");
    toast(fill(words.rolled_back, { number: back.dataset.number }), "success");
    await history();
  } catch {
    back.close();
    toast(words.unsaved, "error");
  } finally {
    button.disabled = false;
  }
});

async function history() {
  const response = await fetch(`${root.dataset.url}/history`, { headers: { "HX-Request": "true" } });
  if (response.ok) document.getElementById("panel-history").innerHTML = await response.text();
}

const list = document.querySelector('[role="tablist"]');
const show = tabs(list, (chosen) => {
  for (const tab of list.querySelectorAll('[role="tab"]')) {
    document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
});

window.addEventListener("beforeunload", (event) => {
  if (draft.dirty) event.preventDefault();
});

redraw();
changed("saved");
