const QUIET = 1200; // ms without a keystroke before it is saved
const HOLD = 45000; // ms between two words that the page is still open: the lock lasts two minutes

/** Saves, looks, and keeps the lock; a refused text is never thrown away. */
export class Keeper {
  constructor(desk, { read, took, looked, reader }) {
    Object.assign(this, { read, took, looked, reader });
    this.address = `/content/articles/${desk.dataset.slug}`;
    this.version = Number(desk.dataset.version);
    this.stopped = desk.dataset.locked === "yes";
    this.dirty = false;
    this.busy = false;
    document.getElementById("save").addEventListener("click", () => this.save("saved"));
    for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => this.step(button.dataset.step));
    addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "s") {
        event.preventDefault();
        this.save("saved");
      }
    });
    setInterval(() => !document.hidden && !this.stopped && this.hold(), HOLD);
  }

  changed() {
    this.dirty = true;
    this.say("有改动，还没保存");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save("autosave"), QUIET);
  }

  async save(kind) {
    clearTimeout(this.timer);
    if (this.stopped) return false;
    if (this.busy) {
      this.again = true;
      return false;
    }
    this.busy = true;
    this.dirty = false;
    const doc = this.read();
    const answer = await this.post("/save", { doc, version: this.version, kind });
    this.busy = false;
    if (!answer.ok) {
      this.dirty = true;
      this.trouble(answer);
      return false;
    }
    this.kept(answer.body);
    if (this.again || this.dirty) {
      this.again = false;
      this.changed();
    }
    await this.look(doc);
    return true;
  }

  async step(name) {
    if (this.dirty && !(await this.save("autosave"))) return;
    const answer = await this.post(`/step/${name}`, { version: this.version });
    if (answer.status === 404) return this.say(answer.body.detail);
    if (!answer.ok) return this.trouble(answer);
    this.kept(answer.body);
    this.took(answer.body.doc);
    await this.look();
  }

  /** As the chosen reader sees it, on every channel. */
  async look(doc = this.read()) {
    const found = await this.post("/preview", { doc, reader: this.reader() });
    if (found.ok) this.looked(found.body);
  }

  async hold() {
    const answer = await this.post("/lock/keep", {});
    if (answer.ok && !answer.body.mine) this.trouble({ status: 409, body: answer.body });
  }

  /** What is on the screen is what is handed in. */
  async beforeSubmit(event) {
    const form = event.target;
    if (!this.dirty) {
      form.elements.version.value = this.version;
      return;
    }
    event.preventDefault();
    if (await this.save("saved")) {
      form.elements.version.value = this.version;
      form.submit();
    }
  }

  kept(body) {
    this.version = body.version;
    this.say(`${body.saved_at} 已保存`);
    document.getElementById("trouble").hidden = true;
  }

  trouble({ status, body }) {
    const box = document.getElementById("trouble");
    box.hidden = false;
    box.querySelector("[data-said]").textContent = body?.detail ?? "没有保存上：网络断了，文字还在这一页，别关，稍后会再试。";
    box.querySelector("[data-states]").hidden = !body?.kept;
    box.querySelector("[data-take]").hidden = status !== 409;
    this.say("没有保存上");
    this.stopped = status === 409;
    if (!this.stopped) this.timer = setTimeout(() => this.save("autosave"), 5000);
  }

  say(words) {
    document.getElementById("saved").textContent = words;
  }

  async post(path, body) {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": document.querySelector('meta[name="csrf-token"]').content };
    try {
      const answer = await fetch(this.address + path, { method: "POST", headers, body: JSON.stringify(body) });
      return { ok: answer.ok, status: answer.status, body: await answer.json() };
    } catch {
      return { ok: false, status: 0, body: null };
    }
  }
}
