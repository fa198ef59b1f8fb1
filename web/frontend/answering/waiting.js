// Answers that could not be sent yet: kept on this phone until they were, sealed with a key that only the server gives, and only to who
// was let in. Where the browser has no cryptography (a page without HTTPS) they are kept in memory alone.

const PREFIX = "banyi-answers:";

export class Waiting {
  constructor(root, key) {
    this.place = PREFIX + root.slice(-8);
    this.key = key;
    this.list = [];
    this.writes = Promise.resolve();
  }

  async seal() {
    const raw = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(this.key));
    return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  }

  /** What was left here by an earlier visit. */
  async restore() {
    const kept = localStorage.getItem(this.place);
    if (!kept || !crypto.subtle) return;
    try {
      const bytes = Uint8Array.from(atob(kept), (one) => one.charCodeAt(0));
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, await this.seal(), bytes.slice(12));
      this.list = JSON.parse(new TextDecoder().decode(plain));
    } catch {
      localStorage.removeItem(this.place);
    }
  }

  add(answer) {
    this.list = [...this.list.filter((one) => one.link_id !== answer.link_id), answer];
    return this.keep();
  }

  done(answer) {
    this.list = this.list.filter((one) => one !== answer);
    return this.keep();
  }

  /** One write after the other: the last one holds. */
  keep() {
    this.writes = this.writes.then(() => this.write()).catch(() => {});
    return this.writes;
  }

  async write() {
    if (!this.list.length) return localStorage.removeItem(this.place);
    if (!crypto.subtle) return undefined;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(this.list));
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await this.seal(), plain));
    return localStorage.setItem(this.place, btoa(String.fromCharCode(...iv, ...sealed)));
  }
}
