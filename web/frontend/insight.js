// The pictures of the insight pages, each drawn from the table in its section.
import { draw, look, names, values } from "./charts.js";

const COLOURS = {
  light: ["#1c8f7f", "#d99a2b", "#9db2bd", "#5b8def", "#c8382b", "#7a5ea8", "#4a5a63"],
  dark: ["#3fb8a5", "#e0a53f", "#62747d", "#6b9bf0", "#f0766a", "#a58ad6", "#c9d3d8"],
};
const MOST = 15; // rows of a picture; the table has all
const ALL = ["forecast", "load"]; // but pictures of a stretch of time show it whole

/** The wanted columns: their titles, and each row's name and numbers (null where none is shown). */
function reader(table, wanted, whole) {
  const heads = [...table.tHead.rows[0].cells];
  const places = wanted.map((name) => heads.findIndex((head) => head.dataset.column === name));
  const line = (row) => ({
    name: row.cells[0].textContent.trim(),
    numbers: places.map((place) => row.cells[place].dataset.value).map((text) => (text ? text.split(" ").map(Number) : null)),
  });
  const rows = [...table.tBodies[0].rows].slice(0, whole ? undefined : MOST).map(line);
  return { titles: places.map((place) => heads[place].textContent), rows, total: table.tFoot ? line(table.tFoot.rows[0]) : null };
}

const one = (number) => (number ? number[0] : null);

const KINDS = {
  steps({ titles, total }, theme, colours) {
    return {
      ...look(theme),
      legend: undefined,
      grid: { left: 8, right: 56, top: 8, bottom: 4, containLabel: true },
      xAxis: values(theme, { minInterval: 1 }),
      yAxis: { ...names(theme, titles), inverse: true },
      series: [
        {
          type: "bar",
          barWidth: "60%",
          itemStyle: { color: colours[0] },
          label: { show: true, position: "right", color: theme.ink },
          data: total.numbers.map(one),
        },
      ],
    };
  },
  stacked({ titles, rows }, theme, colours) {
    return {
      ...look(theme),
      xAxis: names(theme, rows.map((row) => row.name)),
      yAxis: values(theme, { minInterval: 1 }),
      series: titles.map((name, place) => ({
        name,
        type: "bar",
        stack: "all",
        barMaxWidth: 56,
        itemStyle: { color: colours[place] },
        data: rows.map((row) => one(row.numbers[place])),
      })),
    };
  },
  line({ titles, rows, unit }, theme, colours) {
    return {
      ...look(theme),
      xAxis: names(theme, rows.map((row) => row.name)),
      yAxis: values(theme, { name: unit, nameTextStyle: { color: theme.ink } }),
      grid: { left: 8, right: 16, top: 64, bottom: 4, containLabel: true },
      series: titles.map((name, place) => ({
        name,
        type: "line",
        symbolSize: 8,
        itemStyle: { color: colours[place] },
        data: rows.map((row) => one(row.numbers[place])),
      })),
    };
  },
  /** Hours needed as bars, hours there are as a line. */
  load({ titles, rows, unit }, theme, colours) {
    const series = (place, more) => ({ name: titles[place], data: rows.map((row) => one(row.numbers[place])), ...more });
    return {
      ...look(theme),
      xAxis: names(theme, rows.map((row) => row.name)),
      yAxis: values(theme, { name: unit, nameTextStyle: { color: theme.ink } }),
      grid: { left: 8, right: 16, top: 64, bottom: 4, containLabel: true },
      series: [
        series(0, { type: "bar", barMaxWidth: 28, itemStyle: { color: colours[0] } }),
        series(1, { type: "line", step: "middle", symbol: "none", lineStyle: { color: colours[4], width: 2 }, itemStyle: { color: colours[4] } }),
      ],
    };
  },
  /** What came, what is expected within its band, and the places there are. Columns: came, expected, low, high, places. */
  forecast({ titles, rows }, theme, colours) {
    const of = (place) => rows.map((row) => one(row.numbers[place]));
    const [came, expected, low, high, places] = titles.map((_, place) => of(place));
    const line = (name, data, colour, more) => ({ name, data, type: "line", symbolSize: 6, itemStyle: { color: colour }, lineStyle: { color: colour, ...more } });
    const hidden = { type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, silent: true, tooltip: { show: false } };
    const height = high.map((value, place) => (value === null || low[place] === null ? null : value - low[place]));
    return {
      ...look(theme),
      legend: { ...look(theme).legend, data: [titles[0], titles[1], titles[4]] },
      xAxis: names(theme, rows.map((row) => row.name)),
      yAxis: values(theme),
      series: [
        { ...hidden, data: low, name: titles[2] },
        { ...hidden, data: height, name: titles[3], areaStyle: { color: colours[0], opacity: 0.22 } },
        line(titles[0], came, colours[2]),
        line(titles[1], expected, colours[0]),
        line(titles[4], places, colours[1], { type: "dashed" }),
      ],
    };
  },
  /** A point and its interval a row; nought is a line: what does not touch it is a difference. */
  intervals({ rows }, theme, colours) {
    const drawn = rows.filter((row) => row.numbers[0]);
    const data = drawn.map((row, place) => [...row.numbers[0], place]);
    return {
      ...look(theme),
      legend: undefined,
      tooltip: undefined,
      grid: { left: 8, right: 24, top: 8, bottom: 4, containLabel: true },
      xAxis: values(theme, { axisLabel: { color: theme.ink, formatter: "{value}%" }, scale: false }),
      yAxis: { ...names(theme, drawn.map((row) => row.name)), inverse: true, axisLabel: { color: theme.ink, width: 120, overflow: "truncate" } },
      series: [
        {
          type: "custom",
          data,
          encode: { x: [0, 1, 2], y: 3 },
          renderItem: (_params, api) => {
            const at = (value) => api.coord([value, api.value(3)]);
            const [[x, y], [low], [high], [nought]] = [at(api.value(0)), at(api.value(1)), at(api.value(2)), at(0)];
            const sure = api.value(1) > 0 || api.value(2) < 0;
            const colour = sure ? colours[0] : colours[2];
            const stroke = { stroke: colour, lineWidth: 3 };
            return {
              type: "group",
              children: [
                { type: "line", shape: { x1: nought, y1: y - 18, x2: nought, y2: y + 18 }, style: { stroke: theme.ink, lineWidth: 1 } },
                { type: "line", shape: { x1: low, y1: y, x2: high, y2: y }, style: stroke },
                { type: "line", shape: { x1: low, y1: y - 6, x2: low, y2: y + 6 }, style: stroke },
                { type: "line", shape: { x1: high, y1: y - 6, x2: high, y2: y + 6 }, style: stroke },
                { type: "circle", shape: { cx: x, cy: y, r: 6 }, style: { fill: colour } },
              ],
            };
          },
        },
      ],
    };
  },
};

for (const box of document.querySelectorAll("[data-chart]")) {
  const table = box.closest("section").querySelector("table");
  const read = { ...reader(table, box.dataset.columns.split(" "), ALL.includes(box.dataset.chart)), unit: box.dataset.unit };
  box.classList.toggle("insight-chart-tall", box.dataset.chart === "intervals" && read.rows.length > 6);
  draw(box, (theme) => KINDS[box.dataset.chart](read, theme, COLOURS[theme.dark ? "dark" : "light"]));
}
