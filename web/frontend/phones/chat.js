import { toast } from "../toast.js";
import { stampOf } from "./stamp.js";

/** How a message of the hospital reached the phone. */
const RUNGS = {
  passive: "被动回复，不占额度",
  custom: "客服消息，占1条额度",
  template: "微信通知，不占额度",
  sms: "短信",
};
/** What stands in the bubble of something that is not text. */
const MEDIA = { voice: "[语音]", image: "[图片]", video: "[视频]", shortvideo: "[小视频]", location: "[位置]" };
const STAMP_GAP = 5 * 60 * 1000; // as the real apps: a time stamp when five minutes went by

/** One phone's chat: shows events, keeps what is on its way, sends what is typed. */
export class Phone {
  /**
   * @param {HTMLElement} root  the phone
   * @param {{send: (text: string) => Promise<void>, tap?: (item: {id: string, label: string}) => Promise<void>,
   *   faces: boolean, myFace?: () => string, hint: string}} options
   */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.log = root.querySelector("[data-log]");
    this.form = root.querySelector("form");
    this.input = root.querySelector("input[name=text]");
    this.newer = root.querySelector("[data-newer]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.newer.addEventListener("click", () => this.toEnd());
    this.log.addEventListener("scroll", () => this.atEnd() && (this.newer.hidden = true));
    root.addEventListener("keydown", (event) => this.onKey(event));
    this.start();
  }

  /** Empty, waiting for the past to be told. */
  start() {
    this.seen = 0;
    this.lastAt = 0;
    this.waiting = [];
    this.menu = [];
    this.isReady = false;
    this.newer.hidden = true;
    this.log.setAttribute("aria-busy", "true");
    this.log.replaceChildren(el("p", "talk-hint", "正在打开…"));
  }

  ready() {
    this.isReady = true;
    this.log.removeAttribute("aria-busy");
    this.log.querySelector(".talk-hint")?.remove();
    if (!this.log.childElementCount) this.log.append(el("p", "talk-hint", this.options.hint));
    this.toEnd();
  }

  show(event) {
    if (event.seq <= this.seen) return;
    this.seen = event.seq;
    const stay = !this.atEnd();
    this.log.querySelector(".talk-hint")?.remove();
    if (event.direction === "in") this.settle(event.text);
    this.stamp(event.at);
    if (event.direction === "system") this.add(el("p", "talk-note", event.text));
    else this.add(this.message(event));
    if (!this.isReady) return;
    if (stay && event.direction !== "in") this.newer.hidden = false;
    else this.toEnd();
  }

  /** Before what is still on its way, so that the order stays true. */
  add(node) {
    this.log.insertBefore(node, this.waiting[0]?.node ?? null);
  }

  stamp(at) {
    const moment = Date.parse(at);
    if (Number.isNaN(moment)) return;
    if (moment - this.lastAt > STAMP_GAP) {
      const time = el("p", "talk-stamp", stampOf(new Date(moment)));
      this.add(time);
    }
    this.lastAt = moment;
  }

  message(event, state = "") {
    const mine = event.direction === "in";
    const row = el("div", `talk-row ${mine ? "mine" : "theirs"}`);
    if (this.options.faces) row.append(mine ? el("span", "talk-face", this.options.myFace()) : hospitalFace());
    row.append(el("span", "sr-only", mine ? "我：" : "医院："));
    const stack = el("div", "talk-stack");
    const bubble = el("div", "talk-bubble");
    bubble.append(el("div", "talk-text", MEDIA[event.kind] ?? event.text));
    if (!mine) this.addMenu(bubble, event);
    stack.append(bubble);
    const below = belowText(event);
    if (below) stack.append(el("p", "talk-below", below));
    row.append(stack);
    if (state) row.dataset.state = state;
    return row;
  }

  addMenu(bubble, event) {
    this.menu = event.menu ?? [];
    if (!this.menu.length) return;
    const list = el("div", "talk-menu");
    for (const item of this.menu) {
      const button = el("button", "talk-item", item.label);
      button.type = "button";
      button.addEventListener("click", () => this.tap(item, button));
      list.append(button);
    }
    bubble.append(list);
  }

  async tap(item, button) {
    button?.setAttribute("aria-busy", "true");
    await this.dispatch(item.label, () => this.options.tap(item));
    button?.removeAttribute("aria-busy");
  }

  async submit() {
    const text = this.input.value;
    if (!text.trim()) return this.input.focus();
    this.input.value = "";
    this.root.dispatchEvent(new Event("typed"));
    await this.dispatch(text, () => this.options.send(text));
  }

  /** Show `text` at once as on its way; the stream's own event replaces it, a refusal marks it. */
  async dispatch(text, send) {
    this.log.querySelector(".talk-hint")?.remove();
    const node = this.message({ direction: "in", text }, "sending");
    const entry = { text, node };
    this.waiting.push(entry);
    this.log.append(node);
    this.toEnd();
    try {
      await send();
      delete node.dataset.state; // it left the phone; the stream's own event will take its place
    } catch (error) {
      this.waiting = this.waiting.filter((one) => one !== entry);
      if (!node.isConnected) return;
      node.dataset.state = "failed";
      const again = el("button", "talk-again", "重发");
      again.type = "button";
      again.addEventListener("click", () => {
        node.remove();
        this.dispatch(text, send);
      });
      node.append(again);
      toast(error.message, "error");
    }
  }

  settle(text) {
    const index = this.waiting.findIndex((one) => one.text.trim() === text.trim());
    if (index >= 0) this.waiting.splice(index, 1)[0].node.remove();
  }

  /** Typing anywhere on the phone types; a digit answers the menu shown last. */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, [role=menu]") || event.key.length !== 1 || event.key === " ") return;
    const item = /^[1-9]$/.test(event.key) ? this.menu[Number(event.key) - 1] : undefined;
    event.preventDefault();
    if (item && this.options.tap) this.tap(item);
    else this.type(event.key);
  }

  type(text) {
    this.root.dispatchEvent(new Event("typing"));
    this.input.value += text;
    this.input.focus();
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.newer.hidden = true;
  }
}

export function el(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function hospitalFace() {
  const face = el("img", "talk-face");
  face.src = "/static/icon.svg";
  face.alt = "";
  return face;
}

function belowText(event) {
  if (event.kind === "sms" && event.parts > 1) return `长短信，共${event.parts}条`;
  return RUNGS[event.kind] ?? "";
}
