const SOURCE = /\s*[｜|]\s*/;

/** The plain fields, by `data-field`; lists are a line each. */
export class Form {
  constructor(desk) {
    this.fields = [...desk.querySelectorAll("[data-field]")];
  }

  onchange(changed) {
    for (const field of this.fields) field.addEventListener("input", changed);
  }

  read() {
    return Object.fromEntries(this.fields.map((field) => [field.dataset.field, value(field)]));
  }

  fill(doc) {
    for (const field of this.fields) {
      const given = doc[field.dataset.field];
      if (field.type === "checkbox") field.checked = Boolean(given);
      else if (field.dataset.field === "sources") field.value = (given ?? []).map(sourceLine).join("\n");
      else field.value = Array.isArray(given) ? given.join("\n") : (given ?? "");
    }
  }
}

function value(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.dataset.field === "sources") return linesOf(field).map(source);
  if (field.hasAttribute("data-lines")) return linesOf(field);
  return field.type === "date" ? field.value || null : field.value;
}

function linesOf(field) {
  return field.value.split("\n").map((line) => line.trim()).filter(Boolean);
}

function source(line) {
  const [title = "", publisher = "", year = "", url = ""] = line.split(SOURCE);
  return { title, publisher, year: /^\d{4}$/.test(year) ? Number(year) : null, url };
}

function sourceLine(one) {
  return [one.title, one.publisher, one.year ?? "", one.url].join("｜").replace(/｜+$/, "");
}
