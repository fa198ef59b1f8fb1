import { fold, h, width } from "./dom.js";

/** The phone: the menu as it will look, the welcome text, and what a message would be answered. */
export class Preview {
  constructor({ draft, words, limits, hospital }) {
    Object.assign(this, { draft, words, limits, hospital });
    this.log = document.getElementById("preview-log");
    this.menu = document.getElementById("preview-menu");
    this.open = -1;
    this.said = [];
    const form = document.getElementById("preview-try");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const input = document.getElementById("preview-text");
      if (!input.value.trim()) return;
      this.said.push(input.value.trim());
      input.value = "";
      this.render();
      this.log.scrollTop = this.log.scrollHeight;
    });
  }

  render() {
    const content = this.draft.content;
    const rows = [];
    if (content.welcome.trim()) rows.push(this.theirs(content.welcome.trim()));
    for (const text of this.said) {
      rows.push(h("div", { class: "talk-row mine" }, this.bubble(text)));
      const answer = this.answer(text);
      rows.push(answer === null ? h("p", { class: "talk-note" }, this.words.try_nothing) : this.theirs(answer));
    }
    this.log.replaceChildren(...rows);
    const buttons = content.menu.button;
    this.menu.replaceChildren(
      ...(buttons.length ? buttons.map((button, n) => this.part(button, n)) : [h("p", {}, this.words.menu_empty)]),
    );
  }

  theirs(text) {
    return h(
      "div",
      { class: "talk-row theirs" },
      h("span", { class: "talk-face", "aria-hidden": "true" }, this.hospital.slice(0, 1)),
      this.bubble(text),
    );
  }

  bubble(text) {
    return h("div", { class: "talk-stack" }, h("div", { class: "talk-bubble" }, h("div", { class: "talk-text" }, text)));
  }

  part(button, n) {
    const below = button.sub_button;
    const open = below && this.open === n;
    const part = h(
      "div",
      { class: "console-menu-part" },
      below && h("div", { class: "console-below", hidden: !open }, ...below.map((child) => h("button", { type: "button" }, cut(child.name, this.limits.belowName)))),
      h(
        "button",
        {
          type: "button",
          "aria-expanded": below ? String(Boolean(open)) : undefined,
          onclick: () => {
            this.open = open || !below ? -1 : n;
            this.render();
            this.menu.children[n].lastElementChild.focus();
          },
        },
        (below ? "≡ " : "") + cut(button.name, this.limits.name),
      ),
    );
    return part;
  }

  answer(text) {
    const said = fold(text);
    for (const rule of this.draft.content.keywords) {
      for (const word of rule.words) {
        const folded = fold(word);
        if (folded && (rule.match === "part" ? said.includes(folded) : said === folded)) return rule.text;
      }
    }
    return null;
  }
}

/** As WeChat shows what is too long. */
function cut(name, most) {
  if (width(name) <= most) return name || "…";
  let shown = "";
  for (const char of name) {
    if (width(shown + char) > most) break;
    shown += char;
  }
  return `${shown}…`;
}
