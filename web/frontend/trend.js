// The delivery page's chart, apart from the rest because ECharts is large.
import { showTrend } from "./ops/chart.js";

const box = document.getElementById("trend-chart");
if (box) showTrend(box, document.getElementById("trend"));
