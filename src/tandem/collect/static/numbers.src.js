/*
 * Tandem's phone numbers: shows each visit a number of its own in place of the site's, so that a call tells its visit.
 *
 *   <script async src="https://…/t/numbers.js" data-site="fern" data-numbers="+48225550100"></script>
 *
 * data-numbers   the site's own numbers that may be replaced, by comma, with their country code; data-mode as for tandem.js
 *
 * Rules of this file: no dependency; never throws into the host page; asks once a page view; the layout does not move:
 * digits are exchanged for digits in the form in which the page writes them. README.md holds what it replaces.
 */
(function (win, doc) {
  "use strict";

  const tag = doc.currentScript || doc.querySelector("script[data-numbers]");
  if (!tag || !tag.dataset.site || win.tandemNumbers) return;
  win.tandemNumbers = 1;
  const data = tag.dataset;
  const HIDE_MS = 400; // longer than that nobody waits for a number
  const SEEN_EVERY_MS = 60e3;
  const STORE = "_tdm.swap";
  const endpoint = new URL(tag.src || location.href).origin + "/t/number";
  const own = (data.numbers || "").split(",").map((text) => "+" + text.replace(/\D/g, "")).filter((n) => n.length > 7);
  const digitsOf = (text) => text.replace(/\D/g, "");
  const safely = (work) => { try { return work(); } catch (e) { /* the host page must not notice */ } };
  if (!own.length) return;

  // ---- how the page may write a number

  // Calling codes by ITU-T E.164: zones 1 and 7, the two-digit ones, and three digits for all others.
  const CODE = /^(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;
  const GAP = "[\\s().\\-\u2010-\u2015\u00a0\u202f/]{0,3}";
  const spelled = (digits) => digits.split("").join(GAP);
  const patterns = own.map((number) => {
    const code = CODE.exec(number.slice(1))[0];
    const national = number.slice(1 + code.length);
    const lead = "(?:(?:\\+|00)" + GAP + spelled(code) + GAP + "|\\b[08]" + GAP + ")?";
    return { number, national, find: new RegExp(lead + "\\(?" + spelled(national) + "(?!\\d)", "g") };
  });

  /** The new number in the form of the old one, digit for digit; written plainly where their lengths differ. */
  const reshaped = (written, { number, national }, to) => {
    const had = digitsOf(written);
    if (to.length !== number.length) return to;
    const isWhole = /^\s*(\+|00)/.test(written);
    const now = isWhole ? had.slice(0, had.length - number.length + 1) + to.slice(1)
      : had.slice(0, had.length - national.length) + to.slice(-national.length);
    let at = 0;
    return written.replace(/\d/g, () => now[at++]);
  };

  // ---- exchanging

  let swap = null; // own number -> lent number
  const exchanged = (text) => patterns.reduce((done, pattern) => {
    const to = swap && swap[pattern.number];
    return to ? done.replace(pattern.find, (written) => reshaped(written, pattern, to)) : done;
  }, text);
  const holds = (text) => text && /\d/.test(text) && patterns.some(({ find }) => (find.lastIndex = 0, find.test(text)));
  const ATTRIBUTES = ["title", "aria-label", "content", "data-phone", "placeholder"];
  const SKIP = /^(SCRIPT|STYLE|TEXTAREA|INPUT|NOSCRIPT|SELECT)$/;

  const texts = (root) => {
    const found = [];
    const walker = doc.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = root.nodeType === 3 ? root : walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (parent && !SKIP.test(parent.tagName) && !parent.isContentEditable && holds(node.nodeValue)) found.push(node);
      if (root.nodeType === 3) break;
    }
    return found;
  };
  // A number may be spread over elements: <b>22</b> 555 01 00. Then the smallest element that holds all of it is rewritten.
  const spread = (root) => (root.nodeType !== 1 ? [] : Array.from(root.querySelectorAll("a[href^='tel:'],[data-phone]")))
    .filter((element) => element.children.length && holds(element.textContent) && !texts(element).length);
  const across = (element) => {
    const nodes = [];
    const walker = doc.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) nodes.push(node);
    const before = nodes.map((node) => node.nodeValue).join("");
    const after = exchanged(before);
    if (after.length !== before.length) return;
    let at = 0;
    nodes.forEach((node) => { node.nodeValue = after.slice(at, at += node.nodeValue.length); });
  };
  const links = (root) => (root.nodeType !== 1 ? [] : [root].concat(Array.from(root.querySelectorAll("a[href^='tel:'],[title],[aria-label],[data-phone],meta[content]"))));
  const exchange = (root) => safely(() => {
    texts(root).forEach((node) => {
      const after = exchanged(node.nodeValue);
      if (after !== node.nodeValue) node.nodeValue = after;
    });
    spread(root).forEach(across);
    links(root).forEach((element) => {
      const href = element.getAttribute("href");
      if (href && /^tel:/i.test(href)) patterns.forEach(({ number, national }) => {
        const to = swap && swap[number];
        if (to && digitsOf(href).endsWith(national)) element.setAttribute("href", "tel:" + to);
      });
      ATTRIBUTES.forEach((name) => {
        const value = element.getAttribute(name);
        if (holds(value)) element.setAttribute(name, exchanged(value));
      });
    });
  });

  // ---- the first time: hidden in its place until the answer is there, so that nobody sees one number become another

  let veiled = [];
  const veil = () => {
    if (!doc.body) return;
    texts(doc.body).forEach(({ parentElement }) => {
      if (parentElement.style.visibility === "hidden") return;
      veiled.push([parentElement, parentElement.style.visibility]);
      parentElement.style.visibility = "hidden";
    });
  };
  const unveil = () => {
    veiled.forEach(([element, before]) => { element.style.visibility = before; });
    veiled = [];
  };

  // ---- asking

  const cookie = () => (/(?:^|; )_tdm=([0-9a-f]{16}\.[0-9a-z]{1,8})(?:;|$)/.exec(doc.cookie) || [])[1];
  const body = (act) => {
    const id = data.mode && data.mode !== "cookieless" && !navigator.globalPrivacyControl ? cookie() : undefined;
    return JSON.stringify({
      s: data.site, c: Date.now(), m: id ? "cookie" : "cookieless", i: id, k: act,
      u: location.href.slice(0, 2000), r: doc.referrer.slice(0, 2000),
    });
  };
  const tell = (act) => safely(() => navigator.sendBeacon(endpoint, body(act)));
  const remembered = () => safely(() => JSON.parse(sessionStorage.getItem(STORE)));
  const remember = (answer) => safely(() => sessionStorage.setItem(STORE, JSON.stringify(answer)));

  let observer;
  const show = () => {
    exchange(doc.documentElement);
    unveil();
    if (observer) return;
    observer = new MutationObserver((changes) => {
      observer.disconnect(); // what we write ourselves is no news
      changes.forEach(({ type, target, addedNodes }) => (type === "childList" ? addedNodes.forEach(exchange) : exchange(target)));
      watch();
    });
    watch();
  };
  const watch = () => observer.observe(doc.documentElement, { childList: true, subtree: true, characterData: true });
  const take = (answer) => {
    remember(answer);
    swap = answer && answer.swap;
    if (swap) whenShown(show);
    else unveil();
  };
  const whenShown = (work) => (doc.readyState === "loading" ? doc.addEventListener("DOMContentLoaded", work) : work());
  const ask = () => fetch(endpoint, { method: "POST", body: body("ask"), credentials: "omit", keepalive: true })
    .then((response) => response.json()).then(take).catch(unveil);

  const firstSign = (how, work) => {
    const once = (event) => {
      if (how === "on_click" && !(event.target.closest && event.target.closest("a[href^='tel:'],[data-phone]"))) return;
      doc.removeEventListener(how === "on_click" ? "pointerdown" : "scroll", once, true);
      work();
    };
    doc.addEventListener(how === "on_click" ? "pointerdown" : "scroll", once, true);
  };

  safely(() => {
    const known = remembered();
    if (known && known.swap) {
      swap = known.swap;
      whenShown(show);
      ask(); // says that the visit goes on, and learns of a new number after half an hour
    } else if (data.reveal === "scroll" || data.reveal === "click") {
      firstSign("on_" + data.reveal, ask);
    } else {
      veil();
      doc.addEventListener("DOMContentLoaded", () => { if (!swap) veil(); });
      setTimeout(unveil, HIDE_MS);
      ask();
    }
    setInterval(() => { if (swap && doc.visibilityState === "visible") tell("seen"); }, SEEN_EVERY_MS);
    doc.addEventListener("visibilitychange", () => { if (swap && doc.visibilityState === "hidden") tell("seen"); });
    doc.addEventListener("click", (event) => {
      const link = event.target.closest && event.target.closest("a[href^='tel:']");
      if (link && swap) tell("tap");
    }, true);
  });
})(window, document);
