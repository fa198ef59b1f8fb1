// What every chart shares: it is drawn from a table beside it, in the colours of the theme, and again when they change.
import { BarChart, CustomChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

/** Draw `options(theme)` into `box`, again when the theme changes; returns what draws it anew. */
export function draw(box, options) {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const again = () => chart.setOption(options(theme()), { notMerge: true });
  again();
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new ResizeObserver(() => chart.resize()).observe(box);
  return again;
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--color-${name}`).trim();
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "banyi-dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return { dark, ink: colour("base-content"), line: colour("base-300"), paper: colour("base-100"), strong: colour("primary"), font: style.fontFamily };
}

/** The parts of an option that look the same in every chart. */
export function look({ ink, line, paper, font }) {
  return {
    animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300,
    textStyle: { color: ink, fontFamily: font },
    grid: { left: 8, right: 16, top: 40, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 12, textStyle: { color: ink }, type: "scroll" },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // an HTML tooltip would need inline styles, which our policy forbids
      axisPointer: { type: "shadow" },
      backgroundColor: paper,
      borderColor: line,
      textStyle: { color: ink },
    },
  };
}

export function names({ ink, line }, data) {
  return { type: "category", data, axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: ink, hideOverlap: true } };
}

export function values({ ink, line }, more = {}) {
  return { type: "value", splitNumber: 3, splitLine: { lineStyle: { color: line } }, axisLabel: { color: ink }, ...more };
}
