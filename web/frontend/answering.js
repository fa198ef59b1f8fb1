// A questionnaire on a patient's phone: one question a screen, each answer sent at once; without a network it waits here.
import { asked } from "./answering/gates.js";
import { Waiting } from "./answering/waiting.js";
import { largeType } from "./patient/large.js";

const page = document.getElementById("main");
const PATIENCE = 10000;
const AGAIN = 4000;

largeType();
if (page.dataset.root) new Answering(page).begin();

function Answering(main) {
  const { root } = main.dataset;
  const questions = [...main.querySelectorAll("[data-item]")].map((box) => ({
    id: box.dataset.item,
    box,
    form: box.querySelector("form"),
    trouble: box.querySelector("[data-trouble]"),
    next: box.querySelector("[data-next]"),
    gates: JSON.parse(box.dataset.gates),
    points: JSON.parse(box.dataset.points),
  }));
  const answers = new Map();
  const stored = new Map();
  const waiting = new Waiting(root, main.dataset.key);
  const place = (name) => main.querySelector(`[data-${name}]`);
  const words = (name) => main.querySelector(`[data-say="${name}"]`).content.textContent;
  let revision = Number(main.dataset.revision);
  let current = null;
  let sending = false;

  this.begin = async () => {
    for (const one of questions) {
      if (fields(one).length) learn(one.id, { values: fields(one), other: other(one) });
      one.form.addEventListener("submit", (event) => {
        event.preventDefault();
        answer(one, event.submitter?.name === "skip");
      });
      one.box.querySelector("[data-back]").addEventListener("click", () => back(one));
      one.form.addEventListener("input", (event) => changed(one, event.target));
    }
    await waiting.restore();
    for (const one of [...waiting.list]) await takeUp(one);
    place("progress").hidden = false;
    place("send").addEventListener("click", send);
    addEventListener("online", send);
    document.addEventListener("visibilitychange", () => document.hidden || send());
    setInterval(() => waiting.list.length && send(), AGAIN);
    const doubted = questions.find((one) => !one.trouble.hidden);
    const left = waiting.list.length ? firstOpen() : questions.find((one) => one.id === main.dataset.at);
    show(doubted || left || firstOpen(), false);
    send();
  };

  /** What the server has for a question. */
  function learn(id, answer) {
    answers.set(id, answer);
    stored.set(id, JSON.stringify(answer));
  }

  /** What waited here since an earlier visit counts, unless the same was answered elsewhere in the meantime. */
  async function takeUp(one) {
    if ((stored.get(one.link_id) ?? null) === one.was) {
      answers.set(one.link_id, { values: one.values, other: one.other });
      return;
    }
    await waiting.done(one);
    say(words("overtaken"));
  }

  function fields(one) {
    const inputs = [...one.form.elements].filter((field) => field.name === "value");
    const chosen = inputs.filter((field) => !["radio", "checkbox"].includes(field.type) || field.checked);
    return chosen.map((field) => field.value.trim()).filter((value) => value !== "");
  }

  function other(one) {
    return one.form.elements.other?.value.trim() || "";
  }

  /** "None of these" stands alone; other words choose their option; a doubt ends with the value that was doubted. */
  function changed(one, field) {
    if (field.name === "other" && field.value) one.form.querySelector('[value="_other"]').checked = true;
    if (field.type === "checkbox" && field.checked) {
      for (const box of one.form.querySelectorAll("input[type=checkbox]")) {
        if (box !== field && ("alone" in field.dataset || "alone" in box.dataset)) box.checked = false;
      }
    }
    if (one.next.dataset.sure !== undefined) trouble(one, "");
  }

  function trouble(one, said, sure = null) {
    one.trouble.hidden = !said;
    one.trouble.firstElementChild.textContent = said;
    one.next.textContent = words(sure === null ? "next" : "sure");
    one.form.querySelector("[name=sure]")?.remove();
    if (sure === null) delete one.next.dataset.sure;
    else one.next.dataset.sure = sure;
  }

  /** What lies outside the plausible range is asked about here already: also without a network. */
  function doubt(one, value) {
    const [low, high] = one.box.dataset.range.split("|");
    const number = Number(value);
    if (one.box.dataset.kind !== "number" || Number.isNaN(number)) return "";
    if (!((low && number < Number(low)) || (high && number > Number(high)))) return "";
    const unit = one.form.querySelector(".number span")?.textContent || "";
    const says = words(low && high ? "between" : low ? "from" : "to");
    return says.replace("{value}", value + unit).replace("{low}", low + unit).replace("{high}", high + unit);
  }

  async function answer(one, skip) {
    const values = skip ? [] : fields(one);
    if (!values.length && "required" in one.box.dataset) return trouble(one, words("required"));
    const sure = one.next.dataset.sure !== undefined && one.next.dataset.sure === values[0];
    const doubted = sure ? "" : doubt(one, values[0]);
    if (doubted) return trouble(one, doubted, values[0]);
    trouble(one, "");
    answers.set(one.id, { values, other: other(one) });
    const was = stored.get(one.id) ?? null;
    await waiting.add({ link_id: one.id, values, other: other(one), sure, skip: !values.length, was });
    for (const button of one.form.querySelectorAll("button")) button.disabled = true;
    const settled = await send();
    for (const button of one.form.querySelectorAll("button")) button.disabled = false;
    if (settled && current === one) show(following(one));
    return undefined;
  }

  function following(one) {
    const open = asked(questions, answers);
    const rest = open.slice(open.indexOf(one) + 1);
    return rest.find((other) => !answers.has(other.id)) || firstOpen();
  }

  function firstOpen() {
    return asked(questions, answers).find((one) => !answers.has(one.id)) || null;
  }

  function back(one) {
    const open = asked(questions, answers);
    const before = open[open.indexOf(one) - 1];
    if (before) show(before);
  }

  /** Send what waits, in order. False: a question was asked back, or somebody answered elsewhere; the page shows it. */
  async function send() {
    if (sending) return true;
    sending = true;
    try {
      while (waiting.list.length) {
        const [one] = waiting.list;
        const found = await post(one);
        place("net").hidden = found !== null;
        if (found === null) return true;
        if (!(await settle(one, found))) return false;
      }
    } finally {
      sending = false;
    }
    if (firstOpen() === null && current === null) location.replace(root);
    return true;
  }

  /** The server's word, or null where there was none. */
  async function post(one) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), PATIENCE);
    try {
      const body = JSON.stringify({ ...one, was: undefined, revision });
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`${root}/answer`, { method: "POST", headers, body, signal: giveUp.signal });
      return answer.status >= 500 || answer.status === 429 ? null : await answer.json();
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async function settle(one, found) {
    if (found.outcome === "who") {
      say(words("who"));
      location.replace(root);
      return false;
    }
    await waiting.done(one);
    if (found.outcome === "closed" || found.outcome === "refused") {
      location.replace(root);
      return false;
    }
    revision = found.revision;
    if (found.outcome === "accepted") {
      stored.set(one.link_id, JSON.stringify({ values: one.values, other: one.other }));
      alarm(found.alerts);
      if (found.finished) await finish(found.alerts);
      return !found.finished;
    }
    const question = questions.find((other) => other.id === found.link_id);
    if (found.outcome === "overtaken") return overtaken(one, found);
    answers.delete(one.link_id);
    show(question);
    if (found.sure !== null) fill(question, { values: [found.sure], other: "" });
    trouble(question, found.said, found.sure);
    return false;
  }

  /** Somebody answered elsewhere: show what is stored now; what waits here is sent again unless it was answered there. */
  async function overtaken(one, found) {
    say(found.said);
    const mine = [one, ...waiting.list].filter((other) => !(other.link_id in found.answers));
    for (const other of [...waiting.list]) await waiting.done(other);
    answers.clear();
    stored.clear();
    for (const [id, [values, text]] of Object.entries(found.answers)) {
      learn(id, { values, other: text });
      const question = questions.find((other) => other.id === id);
      if (question) fill(question, { values, other: text });
    }
    const still = asked(questions, answers).map((other) => other.id);
    for (const other of mine.filter((lost) => still.includes(lost.link_id))) {
      answers.set(other.link_id, other);
      await waiting.add(other);
    }
    show(firstOpen());
    if (waiting.list.length) setTimeout(send);
    return false;
  }

  function fill(question, { values, other: text }) {
    for (const field of question.form.elements) {
      if (field.name === "other") field.value = text;
      else if (field.name !== "value") continue;
      else if (["radio", "checkbox"].includes(field.type)) field.checked = values.includes(field.value);
      else field.value = values.join("");
    }
  }

  /** What cannot wait is read before the thanks. */
  async function finish(alerts) {
    if (!alerts.length) return location.replace(root);
    show(null, false);
    place("waiting").hidden = true;
    place("progress").hidden = true;
    place("finished").hidden = false;
    return undefined;
  }

  function say(text) {
    place("told").textContent = text;
    place("told").hidden = !text;
  }

  function alarm(alerts) {
    if (!alerts.length) return;
    const box = place("alerts");
    for (const one of alerts) {
      const line = document.createElement("p");
      line.className = "alarm";
      line.textContent = one.text;
      if (one.severity === "emergency") {
        const call = document.createElement("a");
        call.className = "call";
        call.href = "tel:120";
        call.textContent = words("call");
        line.append(call);
      }
      box.append(line);
    }
    box.scrollIntoView({ block: "center" });
  }

  /** Show one question; null: nothing is left to ask, only to send. */
  function show(one, focus = true) {
    current = one;
    const open = asked(questions, answers);
    for (const other of questions) other.box.hidden = other !== one;
    place("waiting").hidden = one !== null;
    const number = one === null ? open.length : open.indexOf(one) + 1;
    place("number").textContent = number;
    place("total").textContent = open.length;
    Object.assign(main.querySelector("progress"), { max: open.length, value: one === null ? open.length : number - 1 });
    if (one === null) {
      if (focus) place("waiting").focus();
      return;
    }
    one.box.querySelector("[data-back]").hidden = number === 1;
    place("intro").hidden = number !== 1;
    if (!focus) return;
    (one.box.querySelector("input[name=value]:not([type=radio], [type=checkbox]), textarea") || one.box.querySelector("legend")).focus();
    scrollTo(0, 0);
  }
}
