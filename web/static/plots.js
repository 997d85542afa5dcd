// Plots of a server over time: uPlot with one cursor for all, gaps as gaps, limits and marks drawn.
"use strict";
(() => {
  const source = document.getElementById("plots-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const hue = (number, of) => `hsl(${Math.round(215 + (number * 360) / Math.max(of, 1)) % 360} ${dark ? "70% 68%" : "62% 42%"})`;
  const MOST_NAMED = 12; // more names than that are a wall: the table below has them

  // Where nothing was read for long, a time without numbers is put in between: the line breaks there.
  const broken = (times, lists) => {
    const xs = [];
    const ys = lists.map(() => []);
    times.forEach((at, index) => {
      if (index && at - times[index - 1] > data.gap) {
        xs.push((at + times[index - 1]) / 2);
        ys.forEach((list) => list.push(null));
      }
      xs.push(at);
      ys.forEach((list, place) => list.push(lists[place][index]));
    });
    return [xs, ...ys];
  };

  // One reading that is missing among others is no gap of the server: lines go on over it for as long as data.gap.
  const gaps = (plot, series, first, last, found) => found.filter(([from, to]) =>
    plot.posToVal(to / devicePixelRatio - plot.bbox.left / devicePixelRatio, "x")
      - plot.posToVal(from / devicePixelRatio - plot.bbox.left / devicePixelRatio, "x") > data.gap);

  // Of a plot's many limits the one that its sensor came nearest to, and whose it is.
  const nearest = (lines) => {
    let found = null;
    for (const line of lines) {
      const known = line.points.filter((value) => value !== null);
      if (!known.length) continue;
      for (const [side, room] of [["above", line.above - Math.max(...known)], ["below", Math.min(...known) - line.below]]) {
        if (line[side] !== null && (!found || room < found.room)) found = { side, room, value: line[side], name: line.name };
      }
    }
    return found;
  };

  const draw = (limit) => (plot) => {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const mark of data.marks) {
      const x = plot.valToPos(mark.at, "x", true);
      ctx.strokeStyle = ink(mark.bad ? "--hard" : "--line-strong");
      ctx.lineWidth = (mark.bad ? 2 : 1) * scale;
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top + bbox.height - 10 * scale);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.font = `${12 * scale}px system-ui, sans-serif`;
    if (limit) {
      const above = limit.side === "above";
      const y = plot.valToPos(limit.value, "y", true);
      ctx.strokeStyle = ctx.fillStyle = ink("--hard");
      ctx.lineWidth = scale;
      ctx.setLineDash([6 * scale, 4 * scale]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.textAlign = "left";
      const over = above && y - bbox.top > 18 * scale; // where there is no room over the line, the words are under it
      ctx.textBaseline = over ? "bottom" : "top";
      ctx.fillText(`${limit.name}: ${above ? "too much above" : "too little below"} ${limit.value}`, bbox.left + 6 * scale, y + (over ? -2 : 2) * scale);
    }
    ctx.restore();
  };

  // The limit is in the picture where its sensor came within reach of it.
  const range = (limit) => (_plot, low, high) => {
    if (low === null) return [0, 1];
    const reach = Math.max(high - low, Math.abs(high) * 0.2, 1);
    let [bottom, top] = [low, high];
    if (limit && limit.room < reach) [bottom, top] = [Math.min(bottom, limit.value), Math.max(top, limit.value)];
    const room = Math.max((top - bottom) * 0.08, Math.abs(top) * 0.01, 0.1);
    return [bottom - room, top + room];
  };

  const axis = (more) => ({ stroke: ink("--quiet"), grid: { stroke: ink("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif", ...more });

  // uPlot's rows: at least so many seconds between ticks; the tick; and with it what begins: a year, a month, a day.
  const days = ["\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1];
  const ticks = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", ...days],
    [1, "{HH}:{mm}:{ss}", ...days],
  ];

  const make = (place) => {
    const { unit, lines } = data.plots[Number(place.dataset.plot)];
    const limit = nearest(lines);
    place.replaceChildren();
    const plot = new uPlot({
      width: place.clientWidth,
      height: Math.min(280, Math.max(200, place.clientWidth * 0.4)),
      cursor: { sync: { key: "over-time" }, focus: { prox: 24 } },
      focus: { alpha: 0.25 },
      legend: { show: lines.length <= MOST_NAMED },
      scales: { x: { range: (_plot, low, high) => low === null || low === high ? [data.from, data.to] : [low, high], min: data.from, max: data.to }, y: { range: range(limit) } },
      axes: [axis({ values: ticks }), axis({ size: 56 })],
      series: [
        { value: (_plot, at) => at === null ? "" : new Date(at * 1000).toLocaleString("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" }), label: "At" },
        ...lines.map((line, number) => ({
          label: line.name, stroke: hue(number, lines.length), width: 1.5, gaps,
          value: (_plot, value) => value === null ? "" : `${value} ${unit}`,
        })),
      ],
      hooks: { draw: [draw(limit)] },
    }, broken(data.times, lines.map((line) => line.points)), place);
    plot.setScale("x", { min: data.from, max: data.to });
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: plot.height })).observe(place);
  };
  for (const place of document.querySelectorAll("[data-plot]")) make(place);
})();
