// The chart of one figure over time: draws what the page holds in data-chart, in the theme's colours.
(() => {
  "use strict";
  const box = document.querySelector("[data-chart]");
  if (!box || !window.echarts) return;
  const facts = JSON.parse(box.dataset.chart);
  const language = document.documentElement.lang;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let chart;

  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const number = (options) => new Intl.NumberFormat(language, options);
  const ticks = {
    share: number({ style: "percent", maximumFractionDigits: 1 }),
    money: number({ style: "currency", currency: facts.currency, notation: "compact", maximumFractionDigits: 1 }),
    score: number({ maximumFractionDigits: 2 }),
    other: number({ notation: "compact", maximumFractionDigits: 1 }),
  };
  const tick = (value) => (ticks[facts.unit] || ticks.other).format(value).replace("-", "−");
  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text != null) made.textContent = text;
    return made;
  };
  const row = (name, value) => {
    const made = element("div", "row");
    made.append(element("span", "", name), element("b", "", value));
    return made;
  };
  const marksAt = (index) => facts.marks.filter((mark) => mark.at === index);

  // An element, not a text of HTML: inline styles are not allowed here.
  const tip = (params) => {
    const index = (Array.isArray(params) ? params[0] : params).dataIndex;
    const made = element("div", "tip");
    made.append(element("b", "", facts.names[index]), row(facts.figure, facts.texts[index]));
    if (facts.before.length && facts.beforeTexts[index]) made.append(row(facts.beforeNames[index], facts.beforeTexts[index]));
    for (const mark of marksAt(index)) {
      const did = element("div", "did");
      did.append(element("b", "", mark.title), element("div", "soft", [mark.kind, mark.author, mark.time].filter(Boolean).join(" · ")));
      made.append(did);
    }
    return made;
  };

  const draw = () => {
    const [ink, soft, line, edge, accent, surface] = ["ink", "soft", "line", "edge", "accent", "surface"].map(colour);
    const last = facts.values.length - 1;
    const whole = facts.isPartial && last > 0 ? facts.values.map((v, i) => (i === last ? null : v)) : facts.values;
    const tail = facts.isPartial && last > 0 ? facts.values.map((v, i) => (i >= last - 1 ? v : null)) : [];
    const places = [...new Set(facts.marks.map((mark) => mark.at))];
    const base = { type: "line", symbol: "circle", symbolSize: 6, showSymbol: facts.values.length === 1, animation: false };
    chart ??= echarts.init(box, null, { renderer: "canvas" });
    chart.setOption({
      animation: false,
      aria: { enabled: false },
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: soft },
      grid: { left: 8, right: 16, top: 24, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      tooltip: {
        trigger: "axis", confine: true, formatter: tip, backgroundColor: surface, borderColor: line, borderWidth: 1, padding: [8, 12],
        textStyle: { color: ink }, transitionDuration: isStill ? 0 : 0.08, extraCssText: "border-radius:8px",
        axisPointer: { type: "line", lineStyle: { color: edge, type: "solid", width: 1 } },
      },
      xAxis: {
        type: "category", data: facts.ticks, boundaryGap: false, axisTick: { show: false }, axisLine: { lineStyle: { color: edge } },
        axisLabel: { color: soft, fontSize: 12, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" },
      },
      yAxis: {
        type: "value", min: (range) => Math.min(0, range.min), splitNumber: 4, minInterval: facts.unit === "count" ? 1 : undefined,
        axisLabel: { color: soft, fontSize: 12, formatter: tick }, splitLine: { lineStyle: { color: line } },
      },
      series: [
        { ...base, name: "before", data: facts.before.slice(0, Math.max(facts.values.length, facts.before.length)).slice(0, facts.ticks.length),
          lineStyle: { color: edge, width: 1.5 }, itemStyle: { color: edge }, z: 2 },
        { ...base, name: "now", data: whole, lineStyle: { color: accent, width: 2 }, itemStyle: { color: accent },
          areaStyle: { color: accent, opacity: 0.07 }, z: 3,
          markLine: { silent: true, symbol: "none", label: { show: false }, animation: false, lineStyle: { color: edge, type: "dotted", width: 1 },
            data: places.map((at) => ({ xAxis: at })) } },
        { ...base, name: "unfinished", data: tail, lineStyle: { color: accent, width: 2, type: [3, 4] }, itemStyle: { color: accent }, z: 3 },
        { type: "scatter", name: "changes", data: places.map((at) => [at, 0]), symbol: "diamond", symbolSize: 11, cursor: "pointer",
          itemStyle: { color: soft, borderColor: surface, borderWidth: 1.5 }, z: 5, clip: false },
      ],
    });
  };

  draw();
  chart.on("click", (event) => {
    if (event.seriesName !== "changes") return;
    const mark = marksAt(event.data[0])[0];
    if (mark) location.href = mark.url;
  });
  new ResizeObserver(() => chart.resize()).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
