import { Editor } from "@tiptap/core";
import Image from "@tiptap/extension-image";
import { Table, TableKit } from "@tiptap/extension-table";
import { Markdown } from "@tiptap/markdown";
import StarterKit from "@tiptap/starter-kit";

/** Pictures come from the library only; whatever else was pasted is not even asked for. */
const OwnImage = Image.extend({
  parseHTML() {
    return [{ tag: 'img[src^="/media/"]' }];
  },
  renderHTML({ HTMLAttributes }) {
    return HTMLAttributes.src?.startsWith("/media/") ? ["img", HTMLAttributes] : ["span", { class: "article-outside" }, "［站外图片不会显示，请从媒体库插入］"];
  },
});

/** Without the inline widths the policy of our pages forbids. */
const PlainTable = Table.extend({
  renderHTML() {
    return ["table", ["tbody", 0]];
  },
});

/** Markdown as an editor would write it: one empty line between blocks, table cells without padding. */
function tidy(markdown) {
  const lines = markdown.split("\n").map((line) => (line.startsWith("|") ? line.replace(/ {2,}\|/g, " |").replace(/-{4,}/g, "---") : line));
  return `${lines.join("\n").replace(/\n{3,}/g, "\n\n").trim()}\n`;
}

/** One text: what-you-see on top, Markdown underneath; the raw Markdown can be looked at and written too. */
export class Writing {
  constructor(name, changed) {
    this.changed = changed;
    this.raw = document.querySelector(`[data-raw="${name}"]`);
    this.place = document.querySelector(`[data-writing="${name}"]`);
    this.editor = new Editor({
      element: this.place,
      injectCSS: false, // our own style sheet has its few rules: the pages allow no inline styles
      extensions: [
        StarterKit.configure({ heading: { levels: [2, 3, 4] }, underline: false, codeBlock: false, link: { openOnClick: false } }),
        OwnImage,
        PlainTable.configure({ resizable: false }),
        TableKit.configure({ table: false }),
        Markdown,
      ],
      editorProps: { attributes: { "aria-label": name === "body" ? "正文" : "微信正文", role: "textbox", "aria-multiline": "true" } },
      onUpdate: () => changed(),
    });
    this.raw.addEventListener("input", () => {
      this.text = this.raw.value;
      this.editor.commands.setContent(this.text, { contentType: "markdown", emitUpdate: false });
      changed();
    });
    this.editor.on("update", () => (this.text = null));
    this.text = "";
  }

  /** As it came while nothing was changed: opening an article does not rewrite it. */
  markdown() {
    if (this.text === null) {
      const written = tidy(this.editor.getMarkdown());
      this.text = written.trim() ? written : "";
    }
    return this.text;
  }

  html() {
    return this.editor.getHTML();
  }

  fill(markdown) {
    const here = this.markdown();
    this.text = markdown;
    if (here !== markdown) this.editor.commands.setContent(markdown, { contentType: "markdown", emitUpdate: false });
    this.raw.value = markdown;
  }

  showSource(on) {
    this.raw.value = this.markdown();
    this.raw.hidden = !on;
    this.place.hidden = on;
    (on ? this.raw : this.editor.view.dom).focus();
  }

  get source() {
    return !this.raw.hidden;
  }
}
