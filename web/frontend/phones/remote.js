import { toast } from "../toast.js";

/** The wire to the simulators: buttons go out as POSTs, everything comes back by one event stream. */
export class Remote {
  /** @param {() => string} person  id of the person whose phones these are */
  constructor(person) {
    this.person = person;
    this.source = null;
    this.handlers = {};
  }

  address(tail) {
    return `/phones/${encodeURIComponent(this.person())}/${tail}`;
  }

  /** Press a button of a phone. Throws an Error with a Chinese sentence when it was refused. */
  async press(what, body = {}) {
    let answer;
    try {
      answer = await fetch(this.address(what), {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-CSRF-Token": document.querySelector('meta[name="csrf-token"]').content,
        },
        body: JSON.stringify(body),
      });
    } catch {
      throw new Error("网络不通，没有发出去。");
    }
    if (answer.ok) return;
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.detail || "没有发出去，请稍后再试。");
  }

  listen(handlers) {
    this.handlers = handlers;
    this.restart();
  }

  /** Start over, for the person chosen now. The browser reconnects by itself when the line drops. */
  restart() {
    this.source?.close();
    const source = new EventSource(this.address("stream"));
    this.source = source;
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      if (!this.broken) toast("连接断开了，正在重连…", "info");
      this.broken = true;
      if (source.readyState === EventSource.CLOSED) setTimeout(() => source === this.source && this.restart(), 3000);
    });
    source.addEventListener("open", () => (this.broken = false));
    for (const name of ["start", "wechat", "sms", "status", "ready"]) {
      source.addEventListener(name, (message) => {
        if (source !== this.source) return;
        this.handlers[name](JSON.parse(message.data));
        if (name !== "status") this.handlers.any();
      });
    }
  }
}
