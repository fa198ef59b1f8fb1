import { fill, h } from "./dom.js";

const SEPARATORS = /[,，、;；\n]+/;

/** The fields for menu, welcome text and keyword replies; every change goes through the draft. */
export class Editor {
  constructor({ draft, words, limits, shown }) {
    Object.assign(this, { draft, words, limits, shown });
    this.menu = document.getElementById("panel-menu");
    this.keywords = document.getElementById("panel-keywords");
    this.welcome = document.getElementById("welcome-text");
    this.welcome.addEventListener("input", () => this.type("welcome", (content) => (content.welcome = this.welcome.value)));
    this.numbers = 0;
  }

  /** Everything anew, after a change of structure. The field in hand keeps the keyboard. */
  render() {
    const held = document.activeElement?.dataset?.where;
    const content = this.draft.content;
    this.welcome.value = content.welcome;
    this.menu.replaceChildren(...this.menuParts(content.menu.button));
    this.keywords.replaceChildren(...this.ruleParts(content.keywords));
    this.problems();
    if (held) document.querySelector(`[data-where="${held}"]`)?.focus();
  }

  problems() {
    for (const place of document.querySelectorAll("[data-problem]")) {
      const found = this.draft.problems.find((one) => one.where === place.dataset.problem);
      place.hidden = !found;
      place.textContent = found?.said ?? "";
      const field = document.querySelector(`[data-where="${place.dataset.problem}"]`);
      field?.toggleAttribute("aria-invalid", Boolean(found));
    }
  }

  type(field, edit) {
    this.draft.edit(edit, field);
    this.shown();
  }

  change(edit, focus = "") {
    this.draft.edit(edit);
    this.render();
    this.shown();
    if (focus) document.querySelector(`[data-where="${focus}"]`)?.focus();
  }

  menuParts(buttons) {
    const { words, limits } = this;
    const parts = buttons.map((button, n) => this.button(button, n));
    if (!buttons.length) parts.push(h("p", { class: "py-6 text-center" }, words.menu_empty));
    parts.push(
      h("p", { class: "console-problem", "data-problem": "menu", hidden: true }),
      h(
        "button",
        {
          type: "button",
          class: "btn btn-outline btn-primary",
          disabled: buttons.length >= limits.buttons,
          onclick: () =>
            this.change((content) => content.menu.button.push({ type: "click", name: "", key: "" }), `menu.${buttons.length}.name`),
        },
        words.add_button,
      ),
    );
    return parts;
  }

  button(button, n) {
    const { words, limits } = this;
    const where = `menu.${n}`;
    const below = button.sub_button;
    const list = (content) => content.menu.button;
    const at = (content) => list(content)[n];
    const item = h(
      "div",
      { class: "console-item", role: "group", "aria-label": fill(words.button_n, { n: n + 1 }) },
      this.head(fill(words.button_n, { n: n + 1 }), list, n, this.draft.content.menu.button.length),
      h("div", { class: "console-fields" }, this.name(where, button, at, limits.name), this.kind(where, button, at, true), this.target(where, button, at)),
      h("p", { class: "console-problem", "data-problem": where, hidden: true }),
    );
    if (below) {
      const children = (content) => at(content).sub_button;
      below.forEach((child, m) => item.append(this.child(child, n, m, children, below.length)));
      item.append(
        h(
          "button",
          {
            type: "button",
            class: "btn btn-sm btn-outline btn-primary mt-3",
            disabled: below.length >= limits.below,
            onclick: () => this.change((content) => children(content).push({ type: "click", name: "", key: "" }), `${where}.sub.${below.length}.name`),
          },
          words.add_below,
        ),
      );
    }
    return item;
  }

  child(child, n, m, children, count) {
    const { words, limits } = this;
    const where = `menu.${n}.sub.${m}`;
    const at = (content) => children(content)[m];
    const title = fill(words.below_n, { n: n + 1, m: m + 1 });
    return h(
      "div",
      { class: "console-item", role: "group", "aria-label": title },
      this.head(title, children, m, count),
      h("div", { class: "console-fields" }, this.name(where, child, at, limits.belowName), this.kind(where, child, at, false), this.target(where, child, at)),
    );
  }

  head(title, list, n, count) {
    const { words } = this;
    const move = (step) =>
      this.change((content) => {
        const items = list(content);
        items.splice(n + step, 0, ...items.splice(n, 1));
      });
    const tool = (name, off, act) =>
      h("button", { type: "button", class: "btn btn-xs btn-ghost", "aria-label": `${title} ${name}`, disabled: off, onclick: act }, name);
    return h(
      "div",
      { class: "console-head" },
      h("span", {}, title),
      tool(words.up, n === 0, () => move(-1)),
      tool(words.down, n === count - 1, () => move(1)),
      tool(words.remove, false, () => this.change((content) => list(content).splice(n, 1))),
    );
  }

  field(where, title, input, wide = false) {
    this.numbers += 1;
    const id = `console-${this.numbers}`;
    input.id = id;
    input.dataset.where = where;
    input.setAttribute("aria-describedby", `${id}-problem`);
    return h(
      "div",
      { class: wide ? "wide" : "" },
      h("label", { for: id }, title),
      input,
      h("p", { class: "console-problem", id: `${id}-problem`, "data-problem": where, hidden: true }),
    );
  }

  name(where, button, at, most) {
    const title = fill(this.words.name, { most: most / 2 });
    const input = h("input", { class: "input w-full", value: button.name, maxlength: 40, autocomplete: "off" });
    input.addEventListener("input", () => this.type(`${where}.name`, (content) => (at(content).name = input.value)));
    return this.field(`${where}.name`, title, input);
  }

  kind(where, button, at, top) {
    const { words } = this;
    const kinds = top ? ["click", "view", "scancode_push", "sub"] : ["click", "view", "scancode_push"];
    const now = button.sub_button ? "sub" : button.type;
    const input = h("select", { class: "select w-full" }, ...kinds.map((kind) => h("option", { value: kind, selected: kind === now }, words[`does_${kind}`])));
    input.addEventListener("change", () =>
      this.change((content) => {
        const one = at(content);
        const name = one.name;
        for (const key of Object.keys(one)) delete one[key];
        Object.assign(one, { name }, input.value === "sub" ? { sub_button: [{ type: "click", name: "", key: "" }] } : { type: input.value });
        if (input.value === "click") one.key = "";
        if (input.value === "view") one.url = "";
        if (input.value === "scancode_push") one.key = "SCAN";
      }),
    );
    return this.field(`${where}.type`, words.does, input);
  }

  target(where, button, at) {
    const { words } = this;
    if (button.sub_button) return null;
    if (button.type === "scancode_push") return h("p", { class: "text-sm self-center" }, words.scan_note);
    if (button.type === "view") {
      const input = h("input", { class: "input w-full", type: "url", value: button.url, placeholder: "https://", autocomplete: "off" });
      input.addEventListener("input", () => this.type(`${where}.url`, (content) => (at(content).url = input.value)));
      return this.field(`${where}.url`, words.url, input);
    }
    const input = h(
      "select",
      { class: "select w-full" },
      h("option", { value: "", selected: !button.key }, words.choose),
      ...Object.entries(words.keys).map(([key, name]) => h("option", { value: key, selected: key === button.key }, name)),
    );
    input.addEventListener("change", () => this.type("", (content) => (at(content).key = input.value)));
    return this.field(`${where}.key`, words.key, input);
  }

  ruleParts(rules) {
    const { words } = this;
    const list = (content) => content.keywords;
    const parts = rules.map((rule, n) => {
      const where = `keywords.${n}`;
      const said = h("textarea", { class: "textarea w-full", rows: 2, value: rule.words.join("，") });
      said.addEventListener("input", () =>
        this.type(`${where}.words`, (content) => {
          list(content)[n].words = said.value
            .split(SEPARATORS)
            .map((word) => word.trim())
            .filter(Boolean);
        }),
      );
      const match = h(
        "select",
        { class: "select w-full" },
        ...["whole", "part"].map((how) => h("option", { value: how, selected: how === rule.match }, words[`match_${how}`])),
      );
      match.addEventListener("change", () => this.type("", (content) => (list(content)[n].match = match.value)));
      const text = h("textarea", { class: "textarea w-full", rows: 4, value: rule.text });
      text.addEventListener("input", () => this.type(`${where}.text`, (content) => (list(content)[n].text = text.value)));
      return h(
        "div",
        { class: "console-item", role: "group", "aria-label": fill(words.rule_n, { n: n + 1 }) },
        this.head(fill(words.rule_n, { n: n + 1 }), list, n, rules.length),
        h(
          "div",
          { class: "console-fields" },
          this.field(`${where}.words`, words.words, said),
          this.field(`${where}.match`, words.match, match),
          this.field(`${where}.text`, words.reply, text, true),
        ),
      );
    });
    if (!rules.length) parts.push(h("p", { class: "py-6 text-center" }, words.rules_empty));
    else parts.push(h("p", { class: "text-sm mb-3" }, words.try_first));
    parts.push(
      h("p", { class: "console-problem", "data-problem": "keywords", hidden: true }),
      h(
        "button",
        {
          type: "button",
          class: "btn btn-outline btn-primary",
          onclick: () =>
            this.change((content) => list(content).push({ words: [], match: "whole", text: "" }), `keywords.${rules.length}.words`),
        },
        words.add_rule,
      ),
    );
    return parts;
  }
}
