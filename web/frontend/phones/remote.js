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

  /** Press a button of a phone. `body` is sent as JSON, a file as it is. Throws an Error with a Chinese sentence when refused. */
  press(what, body = {}) {
    return this.post(this.address(what), body);
  }

  async post(address, body) {
    const isFile = body === null || body instanceof Blob;
    let answer;
    try {
      answer = await fetch(address, {
        method: "POST",
        headers: {
          ...(isFile ? (body?.type ? { "Content-Type": body.type } : {}) : { "Content-Type": "application/json" }),
          "X-CSRF-Token": document.querySelector('meta[name="csrf-token"]').content,
        },
        body: isFile ? body : JSON.stringify(body),
      });
    } catch {
      throw new Error("网络不通，没有发出去。");
    }
    if (answer.ok) return;
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.detail || "没有发出去，请稍后再试。");
  }

  /** Ask for the window, quota and clock now, without waiting for the stream. */
  async refresh() {
    const answer = await fetch(this.address("wechat/window"));
    if (answer.ok) this.handlers.status(await answer.json());
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
