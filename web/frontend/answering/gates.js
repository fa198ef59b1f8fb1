// Which questions are asked, as the server decides it too (care/questionnaires/comparing.py): what was not answered fulfils nothing but
// "exists = false"; of several choices "=" asks whether one is among them.

const ORDER = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b };

function holds(question, found, operator, expected) {
  const answered = found !== undefined && found.length > 0;
  if (operator === "exists") return answered === expected;
  if (!answered) return false;
  const values = found.map((one) => plain(question, one, expected));
  if (operator === "=") return values.some((one) => one === expected);
  if (operator === "!=") return values.every((one) => one !== expected);
  return values.some((one) => typeof one === typeof expected && ORDER[operator](one, expected));
}

/** A field's text as what it is compared with: a yes, a choice's points, a number. */
function plain(question, text, expected) {
  if (typeof expected === "boolean") return text === "true";
  if (typeof expected !== "number") return text;
  return text in question.points ? question.points[text] : Number(text);
}

/** The questions that are asked, in order. A question that is not asked has no answer. */
export function asked(questions, answers) {
  const open = new Map();
  for (const one of questions) {
    const is = one.gates.every(([every, conditions]) => {
      const each = ([of, operator, expected]) => {
        const question = questions.find((other) => other.id === of);
        return holds(question, open.has(of) ? answers.get(of)?.values : undefined, operator, expected);
      };
      return every ? conditions.every(each) : conditions.some(each);
    });
    if (is) open.set(one.id, one);
  }
  return [...open.values()];
}
