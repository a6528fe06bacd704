"""What axe-core would find, as scripts for a page in Chromium: no axe-core is at hand without a network.

Each returns what is wrong, a rule and an element; an empty list is a pass.
"""

RULES = """async () => {
  // What answers to another width does so before the next frame is drawn.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const wrong = [];
  const say = (rule, e) => wrong.push(`${rule}: ${e.outerHTML.replace(/\\s+/g, " ").slice(0, 120)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (e) => e.checkVisibility({ checkVisibilityCSS: true }) && e.getClientRects().length > 0;
  const byId = (ids) => (ids || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ");
  const named = (e) => (e.getAttribute("aria-label") || byId(e.getAttribute("aria-labelledby"))).trim();
  const CONTROLS = "a[href], button, summary, input:not([type=hidden]), select, textarea, [tabindex='0']";

  for (const e of all("main *, nav, nav *").filter(isShown)) {
    if (e.matches("textarea, select, input")) continue;
    const style = getComputedStyle(e), moves = (overflow) => /auto|scroll/.test(overflow);
    const across = moves(style.overflowX) && e.scrollWidth > e.clientWidth + 1;
    const down = moves(style.overflowY) && e.scrollHeight > e.clientHeight + 1;
    if (across && e.tabIndex < 0) say("scrolls sideways, but not by keyboard", e);
    if (across && e.tabIndex === 0 && !named(e)) say("scrolls sideways without a name", e);
    if (down && e.tabIndex < 0 && !e.querySelector(CONTROLS)) say("scrolls, but not by keyboard", e);
  }
  let level = 0;
  for (const e of all("main :is(h1, h2, h3, h4, h5, h6)").filter(isShown)) {
    if (Number(e.tagName[1]) > level + 1) say(`a heading after one of level ${level}`, e);
    level = Number(e.tagName[1]);
  }
  const landmarks = new Set();
  for (const e of all("nav, [role=search], section[aria-label], section[aria-labelledby]").filter(isShown)) {
    const key = `${e.getAttribute("role") || e.tagName} ${named(e)}`;
    if (landmarks.has(key)) say("a second landmark of this name", e);
    landmarks.add(key);
  }
  if (all("main").length !== 1) say("not one main", document.body);
  for (const e of document.body.children)
    if (isShown(e) && !e.matches("nav, header, main, footer, a.skip") && e.innerText?.trim())
      say("outside of all landmarks", e);
  for (const e of all("[aria-labelledby], [aria-describedby], [aria-controls]"))
    for (const part of ["aria-labelledby", "aria-describedby", "aria-controls"])
      for (const id of (e.getAttribute(part) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) say(`${part} leads nowhere`, e);
  for (const e of all("li")) if (!e.parentElement.matches("ul, ol, menu")) say("an item of no list", e);
  for (const e of all("ul > *, ol > *")) if (!e.matches("li, script, template")) say("no item of its list", e);
  for (const e of all("dl > *")) if (!e.matches("dt, dd, div")) say("neither term nor description", e);
  for (const e of all("th")) if (!e.textContent.trim() && !named(e)) say("an empty head", e);
  for (const e of all(":is(summary, button, a) :is(a, button, input, select)")) say("a control inside a control", e);
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) say("an order of its own", e);
  return wrong;
}"""

SMALL = """() => {
  const isShown = (e) => e.checkVisibility({ checkVisibilityCSS: true }) && e.getClientRects().length > 0;
  const isInSentence = (e) => getComputedStyle(e).display === "inline"
    && [...e.parentElement.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const area = (e) => { // a link may lie over all of its tile, and a label belongs to its box
    const box = (e.matches("[type=checkbox], [type=radio]") && e.closest("label") || e).getBoundingClientRect();
    const over = getComputedStyle(e, "::after");
    const covers = over.content !== "none" && over.position === "absolute";
    const cover = covers ? [over.width, over.height].map(parseFloat) : [0, 0];
    return [Math.max(box.width, cover[0]), Math.max(box.height, cover[1])];
  };
  return [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), select, textarea")]
    .filter((e) => isShown(e) && !e.closest(".unseen, .skip") && !isInSentence(e) && Math.min(...area(e)) < 39.5)
    .map((e) => `${area(e).map(Math.round).join(" x ")}: ${e.outerHTML.replace(/\\s+/g, " ").slice(0, 120)}`);
}"""

CONTRASTS = """() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const probe = document.body.appendChild(document.createElement("i"));
  const light = (token) => {
    probe.style.color = `var(--${token})`;
    pen.fillStyle = getComputedStyle(probe).color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  };
  const texts = ["ink", "soft", "faint", "accent", "good", "bad", "marketing", "engineering"];
  const grounds = ["paper", "surface", "sunken"];
  const pairs = [
    ...texts.flatMap((text) => grounds.map((ground) => [text, ground])), ["on-accent", "accent"],
    ["accent", "accent-soft"], ["ink", "accent-soft"], ["soft", "accent-soft"],
    ["ink", "good-soft"], ["ink", "bad-soft"], ["bad", "bad-soft"],
  ];
  const found = pairs.map(([text, ground]) => [text, ground, ratio(text, ground)]).filter((one) => one[2] < 4.5);
  probe.remove();
  return found;
}"""

CUT = """() => [...document.querySelectorAll(".scroll")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.scrollWidth - e.clientWidth} px: ${e.outerHTML.replace(/\\s+/g, " ").slice(0, 160)}`)
"""
"""Tables of which columns stand outside of what is seen."""
