// Draws the charts with uPlot. The data is in the attribute data-chart; the table below has the same numbers.
(() => {
  "use strict";

  const HEIGHT = 220;
  const drawn = new Map();
  const FORMATS = {
    hour: { hour: "2-digit", minute: "2-digit" },
    day: { hour: "2-digit", minute: "2-digit" },
    month: { day: "numeric", month: "short" },
  };
  const { text, language } = window.relay;
  const NUMBER = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const SECONDS = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
  const EXACT = new Intl.NumberFormat(language, { maximumFractionDigits: 20, useGrouping: false });
  const DATES = language === "en" ? "en-GB" : language;

  // A colour of the stylesheet as it is now, in light or dark mode.
  function colour(host, name) {
    return getComputedStyle(host).getPropertyValue(`--chart-${name}`).trim() || "currentColor";
  }

  function words(value, unit) {
    if (value == null) return "–";
    if (unit !== "ms") return NUMBER.format(value);
    if (value < 10) return text("under 10 ms");
    return value < 1000 ? `${Math.round(value)} ms` : `${SECONDS.format(value / 1000)} s`;
  }

  // A mark of the axis: exact, unlike a value, and short.
  function mark(value, unit) {
    if (unit !== "ms") return NUMBER.format(value);
    return value < 1000 ? `${value} ms` : `${EXACT.format(value / 1000)} s`;
  }

  // Times in which a destination did not send.
  function bandsOf(host, bands) {
    return (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      for (const band of bands) {
        const from = Math.max(bbox.left, plot.valToPos(band.from, "x", true));
        const to = Math.min(bbox.left + bbox.width, plot.valToPos(band.to, "x", true));
        if (to < bbox.left || from > bbox.left + bbox.width) continue;
        ctx.fillStyle = colour(host, `band-${band.status}`);
        ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
      }
      ctx.restore();
    };
  }

  // A box beside the pointer with the values of one step.
  function addTip(host, data, clock) {
    const tip = document.createElement("div");
    tip.className = "chart-tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    return {
      hooks: {
        init: (plot) => plot.over.append(tip),
        setCursor: (plot) => {
          const at = plot.cursor.idx;
          tip.hidden = at == null || plot.cursor.left < 0;
          if (tip.hidden) return;
          tip.replaceChildren();
          const time = document.createElement("strong");
          time.textContent = clock(data.x[at]);
          tip.append(time);
          data.lines.forEach((line) => {
            const row = document.createElement("span");
            row.className = `chart-key chart-${line.key}`;
            const swatch = document.createElement("span");
            swatch.className = "chart-swatch";
            row.append(swatch, `${line.label} ${words(line.values[at], line.unit)}`);
            tip.append(row);
          });
          const right = plot.cursor.left > plot.over.clientWidth / 2;
          tip.classList.toggle("chart-tip-left", right);
          tip.style.left = `${plot.cursor.left}px`;
        },
      },
    };
  }

  function draw(host) {
    const data = JSON.parse(host.dataset.chart);
    const zone = { timeZone: data.zone };
    const axis = new Intl.DateTimeFormat(DATES, { ...FORMATS[data.range], ...zone });
    const full = new Intl.DateTimeFormat(DATES, {
      weekday: "short",
      day: "numeric",
      month: "short",
      ...(data.range === "month" ? {} : FORMATS.hour),
      ...zone,
    });
    const clock = (stamp) => full.format(new Date(stamp * 1000));
    const unit = data.lines[0].unit;
    const muted = colour(host, "text");
    const grid = { stroke: colour(host, "grid"), width: 1 };
    const axisOf = (more) => ({ stroke: muted, grid, ticks: { show: false }, font: "12px system-ui, sans-serif", ...more });
    const highest = Math.max(0, ...data.lines.flatMap((line) => line.values.map((value) => value ?? 0)));
    host.replaceChildren();
    const plot = new uPlot(
      {
        width: host.clientWidth,
        height: HEIGHT,
        padding: [12, 24, 0, 0],
        legend: { show: false },
        tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), data.zone),
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        scales: { x: { time: true, range: [data.x[0], data.end] }, y: { range: [0, Math.max(highest * 1.08, unit === "ms" ? 10 : 4)] } },
        series: [
          {},
          ...data.lines.map((line) => ({
            stroke: colour(host, line.key),
            width: 2,
            dash: line.key === "received" || line.key === "p50" ? [5, 4] : [],
            fill: line.key === "delivered" || line.key === "failed" ? colour(host, `${line.key}-fill`) : undefined,
            points: { show: line.unit === "ms" && line.values.filter((value) => value != null).length < 3 },
            spanGaps: line.unit === "ms",
          })),
        ],
        axes: [
          axisOf({ space: 64, size: 30, values: (_plot, stamps) => stamps.map((stamp) => axis.format(new Date(stamp * 1000))) }),
          axisOf({
            size: unit === "ms" ? 62 : 48,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7],
            values: (_plot, values) => values.map((value) => (value === 0 ? "0" : mark(value, unit))),
          }),
        ],
        hooks: { drawClear: [bandsOf(host, data.bands)] },
        plugins: [addTip(host, data, clock)],
      },
      [data.x, ...data.lines.map((line) => line.values)],
      host,
    );
    host.removeAttribute("aria-busy");
    drawn.set(host, plot);
    resizes.observe(host);
  }

  function drawAll() {
    for (const [host, plot] of drawn) {
      if (host.isConnected) continue;
      plot.destroy();
      resizes.unobserve(host);
      drawn.delete(host);
    }
    for (const host of document.querySelectorAll("[data-chart]")) if (!drawn.has(host)) draw(host);
  }

  const resizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      if (plot && target.clientWidth && plot.width !== target.clientWidth) {
        plot.setSize({ width: target.clientWidth, height: HEIGHT });
      }
    }
  });

  // The other theme has other colours.
  function drawAgain() {
    for (const [host, plot] of [...drawn]) {
      plot.destroy();
      drawn.delete(host);
      if (host.isConnected) draw(host);
    }
  }
  new MutationObserver(drawAgain).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
})();
