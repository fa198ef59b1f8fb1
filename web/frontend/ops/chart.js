import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const COLOURS = {
  light: { delivered: "#1c8f7f", accepted: "#7cc7b8", passed_on: "#5b8def", waiting: "#9db2bd", suppressed: "#c7ced2", uncertain: "#d99a2b", failed: "#c8382b" },
  dark: { delivered: "#3fb8a5", accepted: "#2a7a6e", passed_on: "#6b9bf0", waiting: "#62747d", suppressed: "#46525a", uncertain: "#e0a53f", failed: "#f0766a" },
};

/** Stacked bars drawn from the table in `part`, again whenever the table or the colours change. */
export function showTrend(box, part) {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const draw = () => chart.setOption(optionsOf(part.querySelector("table")), { notMerge: true });
  draw();
  part.addEventListener("htmx:afterSettle", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(box);
}

function optionsOf(table) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--color-base-content").trim();
  const line = style.getPropertyValue("--color-base-300").trim();
  const paper = style.getPropertyValue("--color-base-100").trim();
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
    textStyle: { color: ink, fontFamily: style.fontFamily },
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
