/** The draft: what is edited, what can be undone, and its way to the server. Nothing typed is lost on the way. */
export class Draft {
  /** @param {{url: string, state: object, said: (what: string, values?: object) => void, conflict: (theirs: object) => void}} options */
  constructor({ url, state, csrf, changed, conflict }) {
    this.url = url;
    this.csrf = csrf;
    this.changed = changed;
    this.conflict = conflict;
    this.take(state);
    this.past = [];
    this.typing = "";
    this.timer = 0;
    this.saving = null;
    this.trouble = false;
  }

  take(state) {
    this.content = { menu: state.menu, welcome: state.welcome, keywords: state.keywords };
    this.tag = state.tag;
    this.liveTag = state.live_tag ?? this.liveTag;
    this.problems = state.problems ?? [];
    this.kept = JSON.stringify(this.content);
  }

  get dirty() {
    return JSON.stringify(this.content) !== this.kept;
  }

  /** Change the content by `edit`; `field` joins the keystrokes in one field into one step of undoing. */
  edit(edit, field = "") {
    if (!field || field !== this.typing) this.past.push(JSON.stringify(this.content));
    if (this.past.length > 200) this.past.shift();
    this.typing = field;
    edit(this.content);
    this.later();
  }

  undo() {
    const before = this.past.pop();
    if (before === undefined) return false;
    this.typing = "";
    this.content = JSON.parse(before);
    this.later();
    return true;
  }

  later(wait = 500) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
    this.changed("saving");
  }

  /** Keep the draft on the server; true when it is. */
  async save() {
    clearTimeout(this.timer);
    if (this.saving) await this.saving;
    if (!this.dirty) {
      this.changed("saved");
      return true;
    }
    this.saving = this.put();
    const kept = await this.saving;
    this.saving = null;
    return kept;
  }

  async put() {
    const sent = JSON.stringify(this.content);
    let answer;
    try {
      answer = await this.ask("PUT", "/draft", { ...this.content, seen: this.tag });
    } catch {
      this.trouble = true;
      this.changed("unsaved");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), 4000);
      return false;
    }
    if (answer.status === 409) {
      this.conflict(answer.body.theirs);
      return false;
    }
    if (!answer.ok) {
      this.changed("unsaved");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), 8000);
      return false;
    }
    this.trouble = false;
    this.kept = sent;
    this.tag = answer.body.tag;
    this.problems = answer.body.problems;
    this.changed("saved");
    return true;
  }

  /** `{ok, status, body}`; throws only when nothing came back. */
  async ask(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: { "Content-Type": "application/json", "X-CSRF-Token": this.csrf, Accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    let said = {};
    try {
      said = await response.json();
    } catch {
      /* a gateway's page: the status says enough */
    }
    return { ok: response.ok, status: response.status, body: said };
  }
}
