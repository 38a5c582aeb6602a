/* Draws columns of the table #plot-data with uPlot; who sees no drawing reads the table. */
/* global uPlot */

const HEIGHT = 190;
const plots = new Map();

/* As a canvas takes it: there is no light-dark() in one. */
function color(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function columns({ from, to }) {
  const table = document.getElementById("plot-data");
  const rows = [...table.tBodies[0].rows];
  const column = (n) => rows.map(({ cells }) => cells[n].dataset.value).map((v) => (v === "" ? null : Number(v)));
  const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent).slice(from, to || undefined);
  return { labels, data: [column(0), ...labels.map((_, n) => column(n + Number(from)))] };
}

function options(box, labels) {
  const write = (value) =>
    value === null ? "–" : `${value.toLocaleString("en", { maximumFractionDigits: 2 })} ${box.dataset.unit}`.trim();
  const axis = { stroke: color("--pico-muted-color"), font: "12px Plus Jakarta Sans, sans-serif",
    grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { sync: { key: "overview" }, points: { size: 6 }, drag: { x: false } },
    scales: { y: { range: (_, __, max) => [0, (max || 1) * 1.1] } },
    axes: [
      { ...axis, space: 60, size: 32, values: "{HH}:{mm}" },
      { ...axis, space: 34, size: 48, values: (_, ticks) => ticks.map(write) },
    ],
    series: [{ label: "UTC", value: "{HH}:{mm}" }, ...labels.map((label, n) => ({
      label, width: 2, stroke: color(`--plot-${n + 1}`), dash: n % 2 ? [6, 4] : undefined,
      points: { show: false }, value: (_, value) => write(value),
    }))],
  };
}

function draw({ anew = false } = {}) {
  for (const box of document.querySelectorAll(".drawing")) {
    const { labels, data } = columns(box.dataset);
    const present = plots.get(box.id);
    if (present && !anew && present.labels === labels.join()) {
      present.plot.setData(data);
    } else {
      present?.plot.destroy();
      plots.set(box.id, { labels: labels.join(), plot: new uPlot(options(box, labels), data, box) });
    }
  }
}

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) =>
  plots.get(target.id)?.plot.setSize({ width: target.clientWidth, height: HEIGHT })));

draw();
document.querySelectorAll(".drawing").forEach((box) => sizes.observe(box));
document.addEventListener("htmx:after:swap", () => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw({ anew: true }));
