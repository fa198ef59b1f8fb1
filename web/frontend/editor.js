// The editor of an article: the form, writing as one sees it over Markdown, autosave, and the phone beside it.
import { setUpDialogs } from "./ops/dialogs.js";
import { Form } from "./editor/form.js";
import { Keeper } from "./editor/keeper.js";
import { Preview } from "./editor/preview.js";
import { tabs } from "./tabs.js";
import { Tools } from "./editor/tools.js";
import { Variations } from "./editor/variations.js";
import { Writing } from "./editor/writing.js";

const desk = document.getElementById("desk");
const given = JSON.parse(document.getElementById("document").textContent);
const form = new Form(desk);
const variations = new Variations(document.getElementById("variations"), () => changed());
const preview = new Preview(desk, JSON.parse(document.getElementById("looked").textContent));
const writings = Object.fromEntries(["body", "wechat"].map((name) => [name, new Writing(name, () => changed(name))]));
const keeper = new Keeper(desk, { read, took: (doc) => fill(doc), looked: (found) => preview.looked(found), reader: () => preview.reader });
const tools = new Tools(document.getElementById("tools"), writings);
let filling = false;

function read() {
  const texts = Object.fromEntries(Object.entries(writings).map(([name, one]) => [name, one.markdown()]));
  return { ...given, ...form.read(), ...texts, variations: variations.read() };
}

function fill(doc) {
  filling = true;
  Object.assign(given, doc);
  form.fill(doc);
  variations.fill(doc.variations);
  for (const [name, one] of Object.entries(writings)) one.fill(doc[name]);
  readers();
  preview.body(writings.body.html());
  filling = false;
}

function readers() {
  preview.readers(variations.names(), () => keeper.look());
}

function changed(name = "") {
  if (filling) return;
  if (!name) readers();
  if (name === "body") preview.body(writings.body.html());
  keeper.changed();
}

setUpDialogs(document);
tabs(desk.querySelector('[aria-label="各渠道的文字"]'), (tab) => {
  for (const name of ["body", "wechat", "sms", "variations"]) {
    document.getElementById(`panel-${name}`).hidden = name !== tab.dataset.pane;
  }
  tools.show(tab.dataset.pane);
});
tabs(desk.querySelector('[aria-label="预览"]'), (tab) => preview.show(tab.dataset.view));
form.onchange(() => changed());
document.getElementById("add-variation").addEventListener("click", () => variations.add());
document.getElementById("submit-form").addEventListener("submit", (event) => keeper.beforeSubmit(event));
fill(given);
tools.show("body");
