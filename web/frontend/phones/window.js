const GRANTS = { message: "发消息", click: "点菜单", follow: "关注", scan: "扫码", menu: "点选项" };

/** WeChat's customer-message window as it runs: how many are left of how many, how long still, what opened it. */
export class Window {
  /** @param {HTMLElement} line  the strip under the phone's name */
  constructor(line) {
    this.text = line.querySelector("[data-window-text]");
    this.pips = line.querySelector(".window-pips");
    this.ahead = 0; // milliseconds the hospital's clock is ahead of this browser's
    this.known = null;
    setInterval(() => this.show(), 1000);
  }

  /** The time at the hospital. */
  now() {
    return Date.now() + this.ahead;
  }

  /** @param {{left: number, of: number, grant: string, expires: number, now: number, subscribed: boolean}} status */
  set(status) {
    if (Math.abs(status.now * 1000 - this.now()) > 1500) this.ahead = status.now * 1000 - Date.now();
    this.known = status;
    this.show();
  }

  show() {
    if (!this.known) return;
    const { left, of, grant, expires, subscribed } = this.known;
    const seconds = Math.round(expires - this.now() / 1000);
    const open = subscribed && seconds > 0;
    const said = !subscribed
      ? "没有关注，只能走短信"
      : !grant
        ? "患者还没来消息，客服消息发不了"
        : open
          ? `${GRANTS[grant] ?? grant}得来 · 剩${left}/${of}条 · 还有${spanOf(seconds)}`
          : `${GRANTS[grant] ?? grant}得来的窗口已关，改走通知或短信`;
    if (this.text.textContent === said) return;
    this.text.textContent = said;
    const dots = open ? Array.from({ length: of }, (_, n) => dot(n < left)) : [];
    this.pips.replaceChildren(...dots);
  }
}

function dot(full) {
  const one = document.createElement("span");
  one.className = full ? "pip full" : "pip";
  return one;
}

function spanOf(seconds) {
  if (seconds < 120) return `${seconds}秒`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}分钟` : `${Math.floor(minutes / 60)}小时${minutes % 60}分`;
}
