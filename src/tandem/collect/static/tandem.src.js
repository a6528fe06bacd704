/*
 * Tandem's counter: pageviews, engagement, clicks and events of one page, sent first-party to `POST /t/hit`.
 *
 * Rules of this file: no dependency; never throws into the host page; never blocks it; nothing is stored on the device
 * unless the mode allows it; no form content is ever read. README.md beside it holds the attributes and the commands.
 *
 * What costs a visitor time here (bench/sdk.py) is not arithmetic: it is each request (0.3 to 0.6 ms), each time that the
 * browser has to wake this script (0.1 ms), and each kind of browser object used for the first time. So a page view is
 * evaluation, one idle moment, one sign of life and one farewell, and anything that most pages never need is made late.
 */
(function (win, doc) {
  "use strict";

  const SCROLL_ENDS = "onscrollend" in doc; // one event for a scroll: it is heard always, and so is the deepest place
  const SIGNS = ["pointermove", "pointerdown", "keydown"].concat(SCROLL_ENDS ? [] : "scroll");
  const SIGN_EVERY_MS = SCROLL_ENDS ? 1e3 : 500; // signs of life are not even listened to more often
  const ENGAGED_FOR_MS = 30e3; // a person counts as active this long after the last sign of life
  const REPORT_EVERY_MS = 60e3;
  const BATCH_MS = 200;
  const SETTLE_MS = 50; // a router's redirect right after its navigation is one page, not two
  const KEPT_EVENTS = 50;
  const KEPT_MS = 24 * 36e5;
  const COOKIE = "_tdm";
  const COOKIE_S = 395 * 86400; // 13 months
  const QUEUE = "_tdm.q";
  const REFUSED = "_tdm.no";
  const EARLY = "_tdm.e"; // what was told on pages that were left before this file had come: time, address, referrer, calls
  const FILE =
    /\.(pdf|docx?|xlsx?|pptx?|csv|txt|rtf|od[tsp]|key|numbers|pages|epub|zip|rar|7z|t?gz|dmg|pkg|exe|msi|deb|rpm|apk|iso|ics|vcf|mp[34]|m4a|wav|mov|avi|mkv|webm)$/i;

  const tag = doc.currentScript || doc.querySelector("script[data-site][src*=tandem]");
  const stub = win.tandem || function () { (stub.q = stub.q || []).push(arguments); };
  if (!tag || stub.on) return;
  stub.on = 1; // a second copy of this file sees it and leaves
  win.tandem = stub;

  const data = tag.dataset;
  const base = tag.src || location.href;
  const mode = data.mode || "cookieless";
  const now = () => performance.now();
  const cut = (text, most) => String(text).slice(0, most);
  const hidden = () => doc.visibilityState === "hidden";
  const safely = (work) => function () {
    try {
      return work.apply(this, arguments);
    } catch (e) {
      // the host page must not notice
    }
  };
  // `navigation` may also be an element with that id, or a variable of the host page.
  const steps = win.navigation && win.navigation.currentEntry && win.navigation;
  // Own listeners on the window come last, so that what others report while the page is left is still sent.
  const listen = (target, names, work) =>
    names.split(" ").forEach((name) =>
      target.addEventListener(name, safely(work), { capture: target === doc, passive: true }));
  // An event's id has to be unique, not secret: `crypto` takes longer to wake up than all of this file.
  const half = () => Math.floor((1 + Math.random()) * 2 ** 32).toString(16).slice(1);

  // ---- who: nothing, or a first-party cookie where the mode and the visitor allow it

  const cookie = () => (/(?:^|; )_tdm=([0-9a-f]{16}\.[0-9a-z]{1,8})(?:;|$)/.exec(doc.cookie) || [])[1];
  const bake = (value, seconds) => {
    doc.cookie = COOKIE + "=" + value + ";path=/;samesite=lax;max-age=" + seconds +
      (location.protocol === "https:" ? ";secure" : "") + (data.domain ? ";domain=" + data.domain : "");
  };
  const mayKnow = () => mode !== "cookieless" && !navigator.globalPrivacyControl;
  const secret = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (256 + byte).toString(16).slice(1)).join("");
  const meet = () => cookie() || bake(secret() + "." + Math.floor(Date.now() / 1e3).toString(36), COOKIE_S);
  let refused; // undefined = not looked up yet
  const visitor = () => {
    if (!mayKnow()) return;
    if (mode === "cookie") {
      if (refused === undefined) safely(() => { refused = !!localStorage.getItem(REFUSED); })();
      if (!refused) meet();
    }
    return cookie();
  };
  const nameless = (batch) => {
    batch.m = "cookieless";
    delete batch.i;
    return batch;
  };
  const forget = () => {
    const kept = take(true).map(nameless);
    bake("", 0);
    refused = true;
    keep(kept);
  };
  const consent = (given) => {
    if (mode === "cookieless") return;
    if (!given) {
      forget();
      // Only mode "cookie" needs a note of the refusal: elsewhere no cookie already means no consent.
      if (mode === "cookie") safely(() => localStorage.setItem(REFUSED, 1))();
    } else if (mayKnow()) {
      flush(); // what happened before consent stays cookieless
      if (mode === "cookie") safely(() => localStorage.removeItem(REFUSED))();
      refused = false;
      meet();
    }
  };

  // ---- sending: batches, a small queue for bad networks, the same ids on every try

  const endpoint = data.endpoint || base.split("/", 3).join("/") + "/t/hit";
  const flying = new Set(); // batches on a second or later try: their loss would be a real one
  let pending = [];
  let memory = [];
  let waiting = true; // there may be something in the queue
  let failures = 0;
  let left = false; // the page was hidden or left, and may not run again
  let gone = false; // the document is being unloaded: what is in flight arrives, but its promise fails
  let past = 0; // the time of a page that was left, while what was told there is made up for
  let flushing, retrying;

  const take = (all) => {
    let kept = memory;
    memory = [];
    (all || visitor() ? ["sessionStorage", "localStorage"] : ["sessionStorage"]).forEach(safely((name) => {
      const text = win[name].getItem(QUEUE);
      if (!text) return;
      win[name].removeItem(QUEUE);
      kept = kept.concat(JSON.parse(text));
    }));
    return kept.filter((batch) => batch.e[0].t > Date.now() - KEPT_MS);
  };
  const keep = (batches) => {
    let room = KEPT_EVENTS;
    const kept = take().concat(batches).reverse().filter((batch) => (room -= batch.e.length) >= 0).reverse();
    waiting = kept.length > 0;
    if (!waiting) return;
    win.addEventListener("online", retry);
    try {
      win[visitor() ? "localStorage" : "sessionStorage"].setItem(QUEUE, JSON.stringify(kept));
    } catch (e) {
      memory = kept;
    }
  };
  const retry = safely(() => {
    clearTimeout(retrying);
    retrying = 0;
    if (!waiting) return;
    const kept = take();
    const batch = kept.shift();
    keep(kept);
    if (batch) send(visitor() ? batch : nameless(batch));
  });
  const answered = (batch, ok) => {
    flying.delete(batch);
    if (gone) return;
    if (ok) {
      failures = 0;
      retry();
    } else {
      batch.n++;
      keep([batch]);
      const wait = Math.min(1e3 * 2 ** failures++, 3e5) * (1 + Math.random() / 2);
      retrying = retrying || setTimeout(retry, wait);
    }
  };
  const send = (batch, leaving) => {
    batch.c = Date.now();
    const body = JSON.stringify(batch);
    if (leaving) {
      // Nobody hears a beacon's answer: while the network is known to be bad, the queue is the better bet.
      if (failures || navigator.onLine === false) return keep([batch]);
      if (navigator.sendBeacon && navigator.sendBeacon(endpoint, body)) return;
    }
    if (batch.n) flying.add(batch);
    fetch(endpoint, {
      method: "POST", body, keepalive: true, credentials: "omit", headers: { "Content-Type": "text/plain" },
    }).then((answer) => answer.status < 500 && answer.status !== 429, () => false).then(safely((ok) => answered(batch, ok)));
  };
  const flush = (leaving) => {
    clearTimeout(flushing);
    flushing = 0;
    while (pending.length) {
      let size = 50;
      // 20,000 characters are at most 60 KB of UTF-8: below the limits of the collector and of keepalive.
      while (size > 1 && JSON.stringify(pending.slice(0, size)).length > 2e4) size >>= 1;
      const id = visitor();
      send({
        s: data.site, c: 0, m: id ? "cookie" : "cookieless", i: id, l: navigator.language,
        w: win.innerWidth || screen.width, n: 0, e: pending.splice(0, size),
      }, leaving);
    }
  };
  const add = (kind, fields) => {
    pending.push(Object.assign({ i: half() + half(), k: kind, t: past || Date.now(), u: page }, fields));
    if (left) Promise.resolve(left).then(safely(flush));
    // Vitals are in no hurry: they go with whatever leaves next, at the latest when the page is hidden.
    else if (kind !== "vital") flushing = flushing || setTimeout(safely(flush), BATCH_MS);
  };

  // ---- engagement: time that is visible and active, and the deepest scroll

  let engaged, counted, active, bottom, depth, told, seen, ticking;

  const tally = () => {
    const time = now();
    if (seen) engaged += Math.max(0, Math.min(time, active + ENGAGED_FOR_MS) - counted);
    counted = time;
  };
  const reach = () => { bottom = Math.max(bottom, win.scrollY + win.innerHeight); };
  const look = () => {
    if (!seen) return;
    reach();
    depth = Math.min(100, Math.round(100 * bottom / (doc.scrollingElement || doc.documentElement).scrollHeight)) || 0;
  };
  const scrolled = () => {
    reach();
    tally();
    active = counted;
  };
  const alive = () => {
    SIGNS.forEach((name) => doc.removeEventListener(name, alive, true));
    tally();
    active = counted;
    setTimeout(watch, SIGN_EVERY_MS);
  };
  const watch = () => {
    reach();
    SIGNS.forEach((name) => doc.addEventListener(name, alive, { capture: true, passive: true }));
  };
  const report = () => {
    tally();
    if (engaged < 1 && depth <= told) return;
    add("engage", { x: Math.round(engaged), d: depth });
    engaged = 0;
    told = depth;
  };

  const tick = () => {
    clearTimeout(ticking);
    tally();
    if (engaged > REPORT_EVERY_MS - 5e3) {
      look();
      report();
    }
    if (seen) ticking = setTimeout(safely(tick), Math.max(REPORT_EVERY_MS - engaged, 5e3));
  };

  // ---- pages

  let page, landing, settling;

  const here = () => cut("hash" in data ? location.href : location.href.split("#")[0], 2e3);
  const status = (loaded) => {
    const meta = doc.head.querySelector('meta[name="tandem-status"]');
    const code = +(meta ? meta.content
      : loaded && (data.status || (performance.getEntriesByType("navigation")[0] || {}).responseStatus));
    return code > 399 ? code : undefined;
  };
  const view = (referrer, loaded) => {
    page = here();
    engaged = bottom = depth = told = 0;
    active = counted = now();
    left = hidden();
    seen = !left;
    add("pageview", { r: cut(referrer, 2e3), f: status(loaded) });
    tick();
  };
  const search = () => {
    if (!location.search) return;
    const asked = new URLSearchParams(location.search);
    const names = "search" in data ? data.search.split(/[\s,]+/) : ["q", "s", "query", "search", "text"];
    const phrase = names.map((name) => (asked.get(name) || "").trim()).find(Boolean);
    if (phrase) add("search", { n: cut(phrase, 200) });
  };
  const settle = () => {
    clearTimeout(settling);
    if (here() === page) return;
    report();
    view(page);
    search();
  };
  const moved = () => {
    clearTimeout(settling);
    settling = setTimeout(safely(settle), SETTLE_MS);
  };
  const follow = (name) => {
    const original = history[name];
    history[name] = function () {
      if (here() === page) safely(look)();
      const result = original.apply(this, arguments);
      safely(moved)();
      return result;
    };
  };
  const leave = () => {
    if (here() === page) look();
    settle();
    report();
    left = true;
    flush(left);
  };

  // ---- clicks, forms, events

  const happened = (name, props, money) => {
    if (!name) return;
    const amount = money && /\d/.test(money.amount) ? +money.amount : NaN;
    const clean = {};
    Object.keys(props || {}).filter((key) => props[key] != null).slice(0, 30).forEach((key) => {
      const value = props[key];
      clean[cut(key, 64)] = typeof value === "boolean" || typeof value === "number" && isFinite(value) ? value
        : cut(value, 500);
    });
    add("event", {
      n: cut(name, 200),
      p: Object.keys(clean).length ? clean : undefined,
      a: isFinite(amount) ? amount : undefined,
      y: isFinite(amount) && money.currency ? cut(money.currency, 3).toUpperCase() : undefined,
    });
  };
  const declared = (element) => {
    const props = {};
    Array.from(element.attributes).forEach(({ name, value }) => {
      if (/^data-tandem-/.test(name)) props[name.slice(12)] = value;
    });
    const { event, amount, currency } = props;
    delete props.event;
    delete props.amount;
    delete props.currency;
    happened(event, props, { amount, currency });
  };
  const clicked = (event) => {
    const plain = event.type === "click";
    if (!plain && event.button !== 1) return;
    const inner = event.composedPath()[0]; // inside a shadow tree, where `target` is only its host
    const first = (selector) => inner.closest(selector) || event.target.closest(selector);
    settle();
    if (!first("a[href],[data-tandem-event]")) return; // most clicks
    const marked = plain && first("[data-tandem-event]:not(form)");
    if (marked) declared(marked);
    const link = first("a[href]");
    if (!link) return;
    const url = new URL(link.href.baseVal || link.href, doc.baseURI);
    if (!/^http/.test(url.protocol)) return;
    const kind = link.hasAttribute("download") || FILE.test(url.pathname) ? "download"
      : url.host !== location.host && "outbound";
    if (kind) add(kind, { n: cut(url.href, 2e3) });
  };
  const submitted = (event) => {
    const form = event.target;
    const said = (name) => form.getAttribute(name); // form.id is an input, if one is called "id"
    settle();
    add("form", { n: cut(said("id") || said("name") || new URL(said("action") || page, doc.baseURI).pathname, 200) });
    if (said("data-tandem-event")) declared(form);
  };
  const vital = (name, value) => {
    if (value >= 0) add("vital", { u: landing, n: name, v: Math.round(value * 1e4) / 1e4 });
  };

  // ---- start

  const loadVitals = () => {
    const script = doc.createElement("script");
    script.src = base.replace(/[^/?#]*([?#].*)?$/, "vitals.js");
    script.nonce = tag.nonce;
    doc.head.appendChild(script);
  };
  const whenIdle = (work, timeout) => (win.requestIdleCallback
    ? requestIdleCallback(safely(work), timeout && { timeout }) : setTimeout(safely(work), timeout || 1e3));
  // The first idle moment does all at once, as each further one would cost time of its own.
  const begin = (deadline) => {
    flush();
    watch();
    if (SCROLL_ENDS) listen(doc, "scrollend", scrolled);
    if (data.vitals === "off") return;
    if (doc.readyState !== "complete") listen(win, "load", () => whenIdle(loadVitals));
    else if (deadline && !deadline.didTimeout) loadVitals();
    else whenIdle(loadVitals);
  };

  const identify = (who) => {
    const told = {};
    ["phone", "email", "login", "crm", "proof", "at"].forEach((name) => {
      if (who && (who[name] || who[name] === 0)) told[name] = cut(who[name], 300);
    });
    if (Object.keys(told).length) add("identify", { p: told });
  };

  const commands = { event: happened, consent, vital, identify };
  const obey = (words) => {
    const command = commands[words[0]];
    if (!command) return;
    if (command !== vital) settle();
    command.apply(null, [].slice.call(words, 1));
  };

  const back = safely((event) => {
    if (!event.persisted) return;
    gone = false;
    landing = here();
    view(landing); // back from another page: this address itself, as the true way back is not known
  });

  const makeUp = () => {
    const text = win.sessionStorage.getItem(EARLY);
    if (!text) return;
    win.sessionStorage.removeItem(EARLY);
    JSON.parse(text).forEach(([time, url, referrer, calls]) => {
      past = time;
      page = cut(url, 2e3);
      add("pageview", { r: cut(referrer, 2e3) });
      calls.forEach(safely((words) => commands[words[0]].apply(null, words.slice(1))));
    });
  };

  const start = () => {
    const queued = stub.q || [];
    const about = (wanted) => (words) => (words[0] === "consent") === wanted && safely(obey)(words);
    win.tandem = function () { safely(obey)(arguments); };
    win.tandem.on = 1;
    if (mode !== "cookieless" && !mayKnow() && cookie()) forget(); // reading cookies costs time: only where some may be
    flushing = -1; // no timer: the first batch leaves in `begin`
    safely(makeUp)();
    past = 0;
    page = landing = here();
    queued.forEach(about(true)); // a refusal must be known before the first pageview
    view(doc.referrer, true);
    search();
    queued.forEach(about(false));

    if (steps) {
      listen(steps, "navigate", (event) => {
        if (event.destination.sameDocument && here() === page) look(); // the old page's height, while it still stands
      });
      listen(steps, "currententrychange", moved);
    } else {
      follow("pushState");
      follow("replaceState");
      listen(win, "popstate hashchange", () => {
        if (here() !== page) look();
        moved();
      });
    }
    listen(win, "visibilitychange", () => {
      if (hidden()) leave();
      tally();
      left = hidden();
      seen = !left;
      active = now();
      tick();
    });
    listen(win, "pagehide", () => {
      leave();
      seen = false;
      gone = true;
      win.addEventListener("pageshow", back); // not earlier: every load has a pageshow, too
      if (flying.size) keep(Array.from(flying));
    });
    listen(doc, "click auxclick", clicked);
    listen(doc, "submit", submitted);
    whenIdle(begin, BATCH_MS);
  };

  safely(() => {
    if (!data.site) return console.warn("Tandem: the script tag has no data-site, so nothing is counted.");
    if ("skipLocal" in data && /^(localhost|127\..*|\[::1\]|.*\.(localhost|local|test)|)$/.test(location.hostname)) return;
    if (doc.prerendering) listen(doc, "prerenderingchange", start);
    else start();
  })();
})(window, document);
