import { draw, look, names, values } from "../charts.js";

const COLOURS = {
  light: { delivered: "#1c8f7f", accepted: "#7cc7b8", passed_on: "#5b8def", waiting: "#9db2bd", suppressed: "#c7ced2", uncertain: "#d99a2b", failed: "#c8382b" },
  dark: { delivered: "#3fb8a5", accepted: "#2a7a6e", passed_on: "#6b9bf0", waiting: "#62747d", suppressed: "#46525a", uncertain: "#e0a53f", failed: "#f0766a" },
};

/** Stacked bars drawn from the table in `part`. */
export function showTrend(box, part) {
  show(box, part, trendOf);
}

/** `optionsOf(table, theme)` drawn from the table in `part`, again whenever the table or the colours change. */
export function show(box, part, optionsOf) {
  part.addEventListener("htmx:afterSettle", draw(box, (theme) => optionsOf(part.querySelector("table"), theme)));
}

function trendOf(table, theme) {
  const colours = COLOURS[theme.dark ? "dark" : "light"];
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const series = heads
    .map((head, column) => ({
      name: head.textContent,
      type: "bar",
      stack: "all",
      barCategoryGap: "28%",
      itemStyle: { color: colours[head.dataset.name] },
      emphasis: { focus: "series" },
      data: rows.map((row) => Number(row.cells[column + 1].textContent)),
    }))
    .filter((one) => one.data.some((value) => value > 0));
  return {
    ...look(theme),
    xAxis: names(theme, rows.map((row) => row.cells[0].textContent)),
    yAxis: values(theme, { minInterval: 1 }),
    series,
  };
}
