import { h } from "../console/dom.js";

/** The phone: the page at once from what is written; WeChat, SMS and the checks as the server sees them. */
export class Preview {
  constructor(desk, found) {
    this.desk = desk;
    this.place = document.getElementById("preview");
    this.view = "page";
    this.here = "";
    this.looked(found);
  }

  /** The readers one may look as; `looked(again)` is called when another is chosen. */
  readers(names, again) {
    const choice = document.getElementById("reader");
    const rest = names.map((name, at) => h("option", { value: at + 1 }, name));
    const chosen = this.reader > names.length ? 0 : this.reader;
    choice.replaceChildren(choice.options[0], ...rest);
    choice.value = chosen;
    document.getElementById("reader-row").hidden = !names.length;
    choice.onchange = again;
  }

  get reader() {
    return Number(document.getElementById("reader").value);
  }

  /** The text as it is being written; pictures and links are cleaned by the server when it is saved. */
  body(html) {
    this.here = html;
    if (this.view === "page") this.draw();
  }

  show(view) {
    this.view = view;
    this.draw();
  }

  looked(found) {
    this.found = found;
    const list = document.getElementById("findings");
    list.replaceChildren(...found.findings.map(line));
    if (!found.findings.length) list.append(h("li", {}, "没有发现问题。"));
    const { grade, characters, said } = found.level;
    document.getElementById("level").textContent = grade ? `${characters} 个字，约 ${grade} 年级，${said}。` : `${said}。`;
    document.getElementById("sms-parts").textContent = found.sms ? `连签名和结尾共 ${[...found.sms].length} 字，${found.sms_parts} 条。` : "";
    const errors = found.findings.filter((one) => one.severity === "error").length;
    const blocking = document.getElementById("blocking");
    blocking.hidden = !errors;
    blocking.textContent = `还有 ${errors} 处问题要先改好才能送审。`;
    this.draw();
  }

  draw() {
    const { place, view, found } = this;
    place.className = view === "page" ? "article-text" : view === "wechat" ? "" : "article-sms";
    if (view === "sms") place.textContent = found.sms || "还没有写短信。";
    else if (view === "wechat") place.replaceChildren(inert(found.wechat));
    else place.replaceChildren(h("p", { class: "text-lg font-semibold" }, this.title()), inert((!this.reader && this.here) || found.page));
  }

  title() {
    return this.desk.querySelector('[data-field="title"]').value;
  }
}

/** Parsed without running or loading anything; what would come from elsewhere is left out. */
function inert(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  for (const one of parsed.querySelectorAll("script, style, iframe, object, embed, form, link, meta")) one.remove();
  for (const picture of parsed.querySelectorAll("img")) {
    if (!picture.getAttribute("src")?.startsWith("/media/")) picture.replaceWith(`［图片：${picture.alt}］`);
  }
  for (const node of parsed.body.querySelectorAll("[data-style]")) node.style.cssText = node.dataset.style; // by CSSOM, which the policy allows
  const part = document.createDocumentFragment();
  part.append(...parsed.body.childNodes);
  return part;
}

function line(one) {
  return h("li", { class: one.severity === "error" ? "article-error" : "article-warning" },
    h("b", {}, `${one.severity === "error" ? "要改" : "建议"} · ${one.name}${one.line > 1 ? ` 第 ${one.line} 行` : ""}：`), one.message,
    one.suggestion ? h("span", { class: "block" }, `可以写：${one.suggestion}`) : "",
    one.source ? h("span", { class: "block text-base-content/80" }, `依据：${one.source}`) : "");
}
