import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const COLOURS = {
  light: { delivered: "#1c8f7f", accepted: "#7cc7b8", passed_on: "#5b8def", waiting: "#9db2bd", suppressed: "#c7ced2", uncertain: "#d99a2b", failed: "#c8382b" },
  dark: { delivered: "#3fb8a5", accepted: "#2a7a6e", passed_on: "#6b9bf0", waiting: "#62747d", suppressed: "#46525a", uncertain: "#e0a53f", failed: "#f0766a" },
};

/** Stacked bars drawn from the table in `part`. */
export function showTrend(box, part) {
  show(box, part, trendOf);
}

/** `optionsOf(table, look)` drawn from the table in `part`, again whenever the table or the colours change. */
export function show(box, part, optionsOf) {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const draw = () => chart.setOption(optionsOf(part.querySelector("table"), look()), { notMerge: true });
  draw();
  part.addEventListener("htmx:afterSettle", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(box);
}

/** The page's colours and letters. */
function look() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--color-${name}`).trim();
  return { ink: colour("base-content"), line: colour("base-300"), paper: colour("base-100"), strong: colour("primary"), font: style.fontFamily };
}

function trendOf(table, { ink, line, paper, font }) {
  const colours = COLOURS[isDark() ? "dark" : "light"];
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
    animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300,
    textStyle: { color: ink, fontFamily: font },
    grid: { left: 8, right: 8, top: 40, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 12, textStyle: { color: ink }, type: "scroll" },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // an HTML tooltip would need inline styles, which our policy forbids
      axisPointer: { type: "shadow" },
      backgroundColor: paper,
      borderColor: line,
      textStyle: { color: ink },
    },
    xAxis: { type: "category", data: rows.map((row) => row.cells[0].textContent), axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: ink, hideOverlap: true } },
    yAxis: { type: "value", minInterval: 1, splitNumber: 3, splitLine: { lineStyle: { color: line } }, axisLabel: { color: ink } },
    series,
  };
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "banyi-dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
