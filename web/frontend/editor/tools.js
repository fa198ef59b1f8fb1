import { pick } from "./pictures.js";

const COMMANDS = {
  h2: (chain) => chain.toggleHeading({ level: 2 }),
  bold: (chain) => chain.toggleBold(),
  bullets: (chain) => chain.toggleBulletList(),
  numbers: (chain) => chain.toggleOrderedList(),
  quote: (chain) => chain.toggleBlockquote(),
  table: (chain) => chain.insertTable({ rows: 3, cols: 2, withHeaderRow: true }),
  row: (chain) => chain.addRowAfter(),
  column: (chain) => chain.addColumnAfter(),
  drop: (chain) => chain.deleteTable(),
};
const ACTIVE = {
  h2: ["heading", { level: 2 }],
  bold: ["bold"],
  bullets: ["bulletList"],
  numbers: ["orderedList"],
  quote: ["blockquote"],
  table: ["table"],
  link: ["link"],
};

/** The buttons above the text; they act on the text that is shown. */
export class Tools {
  constructor(bar, writings) {
    Object.assign(this, { bar, writings, name: "body" });
    bar.addEventListener("click", (event) => {
      const button = event.target.closest("[data-tool]");
      if (button) this.use(button.dataset.tool);
    });
    for (const one of Object.values(writings)) one.editor.on("transaction", () => this.mark());
  }

  get writing() {
    return this.writings[this.name];
  }

  show(name) {
    this.bar.hidden = !(name in this.writings);
    if (!this.bar.hidden) this.name = name;
    this.mark();
  }

  use(tool) {
    const { editor } = this.writing;
    if (tool === "source") this.writing.showSource(!this.writing.source);
    else if (tool === "link") this.link(editor);
    else if (tool === "image") this.image(editor);
    else COMMANDS[tool](editor.chain().focus()).run();
    this.mark();
  }

  link(editor) {
    const address = prompt("链接地址（https 开头；留空去掉链接）", editor.getAttributes("link").href ?? "https://");
    if (address === null) return;
    const chain = editor.chain().focus().extendMarkRange("link");
    if (/^https?:\/\/./.test(address)) chain.setLink({ href: address }).run();
    else chain.unsetLink().run();
  }

  /** The library's own alt text is read out: the picture is put in without one. */
  image(editor) {
    pick((id) => editor.chain().focus().setImage({ src: `/media/${id}`, alt: "" }).run());
  }

  mark() {
    for (const button of this.bar.querySelectorAll("[data-tool]")) {
      const active = ACTIVE[button.dataset.tool];
      const on = button.dataset.tool === "source" ? this.writing.source : active && this.writing.editor.isActive(...active);
      button.setAttribute("aria-pressed", String(Boolean(on)));
    }
  }
}
