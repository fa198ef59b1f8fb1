// The pages' charts, apart from the rest because ECharts is large.
import { showArms } from "./ops/arms.js";
import { showTrend } from "./ops/chart.js";

const box = document.getElementById("trend-chart");
if (box) showTrend(box, document.getElementById("trend"));

const arms = document.getElementById("arms-chart");
if (arms) showArms(arms, document.getElementById("arms"));
