/* Draws columns of the table #plot-data with uPlot; who sees no drawing reads the table. */
/* global uPlot */

const HEIGHT = 190;
const plots = new Map();
const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

function columns(from, to) {
  const table = document.getElementById("plot-data");
  const rows = [...table.tBodies[0].rows];
  const number = ({ dataset: { value } }) => (value === "" ? null : Number(value));
  const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent).slice(from, to || undefined);
  const data = [0, ...labels.map((_, n) => n + Number(from))].map((n) => rows.map((row) => number(row.cells[n])));
  return { labels, data };
}

function options(box, labels) {
  const unit = box.dataset.unit && ` ${box.dataset.unit}`;
  const axis = { stroke: color("--pico-muted-color"), font: "12px Plus Jakarta Sans, sans-serif",
    grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { sync: { key: "overview" }, points: { size: 6 }, drag: { x: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(max ?? 0, 0.5) * 1.1] } },
    axes: [
      { ...axis, space: 60, values: "{HH}:{mm}" },
      { ...axis, size: 48, space: 34, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString("en")}${unit}`) },
    ],
    series: [
      { label: "UTC", value: "{HH}:{mm}" },
      ...labels.map((label, n) => ({
        label,
        stroke: color(`--plot-${n + 1}`),
        width: 2,
        dash: n % 2 ? [6, 4] : undefined,
        points: { show: false },
        value: (_, value) => (value === null ? "–" : `${value.toLocaleString("en", { maximumFractionDigits: 2 })}${unit}`),
      })),
    ],
  };
}

function draw({ anew = false } = {}) {
  for (const box of document.querySelectorAll(".drawing")) {
    const { labels, data } = columns(box.dataset.from, box.dataset.to);
    const present = plots.get(box.id);
    if (present && !anew && present.labels === labels.join()) {
      present.plot.setData(data);
      continue;
    }
    present?.plot.destroy();
    plots.set(box.id, { labels: labels.join(), plot: new uPlot(options(box, labels), data, box) });
  }
}

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  plots.get(target.id)?.plot.setSize({ width: target.clientWidth, height: HEIGHT });
}));

draw();
document.querySelectorAll(".drawing").forEach((box) => sizes.observe(box));
document.addEventListener("htmx:after:swap", () => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw({ anew: true }));
