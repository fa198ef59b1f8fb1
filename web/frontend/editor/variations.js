import { h } from "../console/dom.js";

const SEXES = [["", "男女都看"], ["female", "女性"], ["male", "男性"]];
let made = 0;

/** Other words for some readers: for whom, instead of which part, what. */
export class Variations {
  constructor(place, changed) {
    Object.assign(this, { place, changed });
    place.addEventListener("input", changed);
  }

  fill(list) {
    this.place.replaceChildren(...list.map((one) => this.box(one)));
  }

  add() {
    const box = this.box({ name: "", when: {}, body: "", replaces: "" });
    this.place.append(box);
    box.querySelector("input").focus();
    this.changed();
  }

  read() {
    return [...this.place.children].map((box) => {
      const get = (name) => box.querySelector(`[data-part="${name}"]`).value.trim();
      const number = (name) => (/^\d+$/.test(get(name)) ? Number(get(name)) : null);
      return {
        name: get("name"),
        replaces: get("replaces"),
        body: box.querySelector('[data-part="body"]').value,
        when: {
          ...box.when,
          sex: get("sex") || null,
          min_age: number("min_age"),
          max_age: number("max_age"),
          weeks_from: number("weeks_from"),
          weeks_to: number("weeks_to"),
          conditions: get("conditions").split(/[\s,，、]+/).filter(Boolean),
        },
      };
    });
  }

  names() {
    return [...this.place.querySelectorAll('[data-part="name"]')].map((field, at) => field.value.trim() || `第 ${at + 1} 段差异化内容`);
  }

  box(one) {
    const when = one.when ?? {};
    const named = (part, label, value, given = {}) => {
      const id = `v-${part}-${(made += 1)}`;
      return h("div", {}, h("label", { class: "block mb-1 text-sm font-medium", for: id }, label), h("input", { class: "input input-sm w-full", id, "data-part": part, value: value ?? "", ...given }));
    };
    const number = (part, label) => named(part, label, when[part], { inputmode: "numeric", maxlength: 3 });
    const sexId = `v-sex-${(made += 1)}`;
    const sex = h("select", { class: "select select-sm w-full", id: sexId, "data-part": "sex" }, ...SEXES.map(([code, name]) => h("option", { value: code }, name)));
    sex.value = when.sex ?? "";
    const bodyId = `v-body-${(made += 1)}`;
    const box = h("fieldset", { class: "grid gap-3 border border-base-300 rounded-box p-3" },
      h("legend", { class: "px-1 text-sm" }, "一段差异化内容"),
      h("div", { class: "grid gap-3 sm:grid-cols-2" }, named("name", "名称", one.name, { maxlength: 60 }), named("replaces", "替换哪个小标题下的内容（空：全文）", one.replaces, { maxlength: 100 })),
      h("div", { class: "grid gap-3 grid-cols-2 sm:grid-cols-4" },
        h("div", {}, h("label", { class: "block mb-1 text-sm font-medium", for: sexId }, "性别"), sex),
        number("min_age", "满几岁"), number("max_age", "不超过几岁"), named("conditions", "疾病编码", (when.conditions ?? []).join(" ")),
        number("weeks_from", "从第几周"), number("weeks_to", "到第几周")),
      h("div", {}, h("label", { class: "block mb-1 text-sm font-medium", for: bodyId }, "换成（Markdown；空：这一段不显示）"), h("textarea", { class: "textarea w-full", id: bodyId, rows: 5, "data-part": "body", value: one.body })),
      h("button", { type: "button", class: "btn btn-xs ops-quiet w-fit", onclick: () => { box.remove(); this.changed(); } }, "去掉这一段"));
    box.when = { stage: when.stage ?? null };
    return box;
  }
}
