import { show } from "./chart.js";

/** A bar from the lowest to the highest share that is likely, one a text: where two of them overlap, nobody knows yet which is better. */
export function showArms(box, part) {
  show(box, part, armsOf);
}

function armsOf(table, { ink, line, strong, font }) {
  const column = (name) => [...table.tHead.rows[0].cells].findIndex((cell) => cell.dataset.name === name);
  const rows = [...table.tBodies[0].rows];
  const values = (name) => rows.map((row) => 100 * Number(row.cells[column(name)].dataset.value));
  const [low, high] = [values("low"), values("high")];
  const bar = { type: "bar", stack: "interval", barWidth: 14, silent: true };
  return {
    animation: false,
    textStyle: { color: ink, fontFamily: font },
    grid: { left: 8, right: 24, top: 4, bottom: 4, containLabel: true },
    xAxis: { type: "value", min: 0, max: 100, axisLabel: { color: ink, formatter: "{value}%" }, splitLine: { lineStyle: { color: line } } },
    yAxis: { type: "category", inverse: true, data: rows.map((row) => row.cells[0].textContent.slice(0, 3)), axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: ink } },
    series: [
      { ...bar, itemStyle: { color: "transparent" }, data: low },
      { ...bar, itemStyle: { color: strong, borderRadius: 4 }, data: high.map((value, at) => value - low[at]) },
    ],
  };
}
