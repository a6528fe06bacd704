// What pages do beyond links and forms. Everything works by keyboard; nothing here holds state that the address does not.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const isTyping = (element) => element.closest("input, select, textarea, [contenteditable]");

  // Menus: one open at a time; a click elsewhere or Escape closes them.
  const menus = () => all("details.menu[open], details.sheets[open]");
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.menu[open], details.sheets[open]")) return;
    menus().filter((menu) => menu !== event.target).forEach((menu) => (menu.open = false));
  }, true);
  document.addEventListener("click", (event) => {
    menus().filter((menu) => !menu.contains(event.target)).forEach((menu) => (menu.open = false));
  });

  // The values of a filter come when its form opens, or again where they were lost; who ticks one has found what was typed.
  const typedValue = find("#filter-text");
  const fillValues = () => !find("#filter-values").children.length && htmx.trigger(typedValue, "open");
  find("#add-filter")?.addEventListener("toggle", (event) => event.target.open && fillValues());
  typedValue?.addEventListener("focus", fillValues);
  document.addEventListener("change", ({ target }) => target.matches("#filter-values input") && (typedValue.value = ""));

  // "What is this?": open from the answer on, so that one that was lost can be asked for again; a second press closes it.
  const close = (button) => {
    button.setAttribute("aria-expanded", "false");
    document.getElementById(button.getAttribute("aria-controls")).replaceChildren();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-what]");
    if (button) {
      if (button.getAttribute("aria-expanded") === "true") return close(button);
      htmx.trigger(button, "open");
    }
    if (event.target.closest("[data-close]")) {
      const slot = event.target.closest(".what");
      const opener = find(`[aria-controls="${slot.id}"]`);
      close(opener);
      opener.focus();
    }
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const { sourceElement: button, response } = event.detail.ctx;
    if (!button.matches("[data-what]") || response.status >= 400) return;
    all("[data-what][aria-expanded=true]").filter((other) => other !== button).forEach(close);
    button.setAttribute("aria-expanded", "true");
  });

  // Copying, printing.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const text = button.dataset.copy || location.href;
      await write(text);
      const label = find("span", button) || button;
      const before = label.textContent;
      label.textContent = button.dataset.done;
      setTimeout(() => (label.textContent = before), 1500);
    }
    const more = event.target.closest("[data-unhide]");
    if (more) {
      all(more.dataset.unhide).forEach((row) => (row.hidden = false));
      more.remove();
    }
    if (event.target.closest("[data-print]")) {
      event.preventDefault();
      menus().forEach((menu) => (menu.open = false));
      print();
    }
  });
  const write = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text).catch(() => {});
    const field = document.createElement("textarea"); // pages served without TLS have no clipboard
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };

  // Search: "/" goes there; arrows choose, Enter opens.
  const field = find("#jump");
  const list = find("#jump-found");
  const plain = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  const choose = (link) => {
    all(".is-on", list).forEach((other) => other.classList.remove("is-on"));
    link?.classList.add("is-on");
    link?.scrollIntoView({ block: "nearest" });
    if (link) field.setAttribute("aria-activedescendant", link.id);
    else field.removeAttribute("aria-activedescendant");
  };
  const narrow = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const link of all("a[data-words]", list)) {
      const text = plain(link.dataset.words);
      const fits = words.every((word) => text.includes(word)) && shown < 12;
      link.hidden = !fits;
      shown += fits;
    }
    choose(words.length ? find("a:not([hidden])", list) : null);
    field.setAttribute("aria-expanded", String(list.children.length > 0));
  };
  field?.addEventListener("input", narrow);
  const fill = () => !list.children.length && htmx.trigger(field, "open");
  field?.addEventListener("focus", fill);
  // Who was quicker than the page asks again.
  field?.addEventListener("htmx:after:init", () => document.activeElement === field && fill());
  list?.addEventListener("htmx:after:swap", narrow);
  field?.addEventListener("keydown", (event) => {
    const links = all("a:not([hidden])", list);
    const at = links.findIndex((link) => link.classList.contains("is-on"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(links[(at + (event.key === "ArrowDown" ? 1 : -1) + links.length) % links.length]);
    } else if (event.key === "Enter" && links[at]) {
      event.preventDefault();
      links[at].click();
    } else if (event.key === "Escape") {
      field.value = "";
      field.blur();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && field && !isTyping(event.target) && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.focus();
    }
    if (event.key === "Escape") {
      menus().forEach((menu) => {
        menu.open = false;
        find("summary", menu).focus();
      });
      const panel = event.target.closest?.(".what") || find(".what:not(:empty)");
      if (panel && !menus().length && !isTyping(event.target)) find("[data-close]", panel)?.click();
    }
  });

  // A problem of one field is told there; whatever was typed stays, passwords too.
  let asked = null;
  const tellAt = (form, name, words) => {
    const field = form && (find(`[data-field="${name}"]`, form) || find(`[name="${name}"]`, form));
    if (!field?.closest(".field")) return false;
    const told = document.createElement("small");
    told.className = "told";
    told.id = `told-${name}`;
    told.setAttribute("role", "alert");
    told.append(...words.childNodes);
    field.closest(".field").append(told);
    field.closest("details")?.setAttribute("open", "");
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", told.id);
    return true;
  };
  const tellAtFields = () => {
    const { form, name } = asked;
    asked = null;
    const problem = find("#problem[role=alert]");
    if (!problem) return;
    all("[data-at]", problem).forEach((other) => tellAt(form, other.dataset.at, other) && other.remove());
    if (tellAt(form, name, find("div", problem))) {
      problem.replaceChildren();
      ["role", "class"].forEach((part) => problem.removeAttribute(part));
    }
    find("[aria-invalid]", form || document)?.focus();
  };
  const forgetTold = (form) => {
    all(".told", form).forEach((told) => told.remove());
    all("[aria-invalid]", form).forEach((field) => ["aria-invalid", "aria-describedby"].forEach((part) => field.removeAttribute(part)));
  };
  document.addEventListener("htmx:config:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    const form = source.closest("form");
    if (form && !source.matches("[data-suggests]")) forgetTold(form); // suggestions are no new attempt, and come late
  });

  // Whoever was signed out while typing finds it again after signing in: once, in this tab, and no passwords.
  const TYPED = "tandem.typed";
  const here = () => location.pathname + location.search;
  const isKept = (field) => field.name && !["password", "file", "hidden"].includes(field.type) && field.autocomplete !== "one-time-code";
  const isTicked = (field) => ["checkbox", "radio"].includes(field.type);
  const keepTyped = (form) => {
    const fields = [...form.elements].map((field) => isKept(field) && [field.name, isTicked(field) ? field.checked : field.value]);
    sessionStorage.setItem(TYPED, JSON.stringify({ page: here(), action: form.getAttribute("hx-post"), fields }));
  };
  const typeAgain = () => {
    const { page, action, fields } = JSON.parse(sessionStorage.getItem(TYPED) || "{}");
    if (page !== here()) return;
    sessionStorage.removeItem(TYPED);
    const form = find(`form[hx-post="${CSS.escape(action)}"]`);
    [...(form?.elements || [])].forEach((field, at) => {
      if (!fields[at] || fields[at][0] !== field.name) return;
      const before = isTicked(field) ? field.checked : field.value;
      field[isTicked(field) ? "checked" : "value"] = fields[at][1];
      if (before !== fields[at][1]) field.closest("details")?.setAttribute("open", "");
    });
    find("button:not([type=button])", form || document)?.focus();
  };
  if (find("main[tabindex]")) typeAgain(); // not on the pages of signing in

  // A list that sends its choice at once shows what holds, not what was lost or refused; what it gives chooses that again.
  const springBack = (source) => {
    if (!source.matches("select[hx-post]")) return () => {};
    const tried = source.value;
    source.value = (find("option[selected]", source) ?? source.options[0]).value;
    return () => (source.value = tried);
  };

  // A click that came to nothing is told where the eye is, with a way to do it again. What asks by itself says it itself.
  const say = (name, ctx) => {
    const source = ctx.sourceElement;
    if (source.matches("[data-live]")) return source.classList.add("is-lost");
    const chooseAgain = springBack(source);
    const told = document.getElementById(name)?.content.cloneNode(true).firstElementChild;
    if (!told) return;
    find("#problem")?.replaceWith(told);
    const type = ctx.sourceEvent?.type;
    find("[data-retry]", told).onclick = () => {
      told.replaceChildren();
      ["class", "role"].forEach((name) => told.removeAttribute(name));
      chooseAgain();
      if (type === "submit") source.requestSubmit();
      else if (type === "click") source.click();
      else htmx.trigger(source, type);
    };
    told.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:error", (event) => event.detail.ctx && say("problem-lost", event.detail.ctx));
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const { status, headers } = ctx.response;
    const form = ctx.sourceElement.closest("form[hx-post]");
    if (status === 401 && form && headers.has("hx-redirect")) keepTyped(form); // not where a password was wrong
    if (status < 400) return ctx.sourceElement.matches("[data-live]") && ctx.sourceElement.classList.remove("is-lost");
    if (headers.has("x-field")) asked = { ctx, form: ctx.sourceElement.closest("form"), name: headers.get("x-field") };
    if (headers.has("hx-retarget") || headers.has("hx-redirect")) return springBack(ctx.sourceElement);
    event.preventDefault(); // a proxy's own error page, or a server that is being restarted: it is no part of this page
    say("problem-broke", ctx);
  });
  addEventListener("offline", () => live?.classList.add("is-lost"));

  // The realtime page asks again every half second, unless nobody looks.
  const live = find("[data-live]");
  if (live) {
    setInterval(() => !document.hidden && htmx.trigger(live, "again"), Number(live.dataset.live));
    document.addEventListener("visibilitychange", () => {
      live.classList.toggle("is-asleep", document.hidden);
      if (!document.hidden) htmx.trigger(live, "again");
    });
  }

  // A list that is all there narrows without asking the server.
  document.addEventListener("input", (event) => {
    const box = event.target.closest("[data-narrows]");
    if (!box) return;
    const words = plain(box.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of all(box.dataset.narrows)) {
      item.hidden = !words.every((word) => plain(item.textContent).includes(word));
      shown += !item.hidden;
    }
    all("[data-part-of]").forEach((entry) => (entry.hidden = document.getElementById(entry.dataset.partOf).hidden));
    const isSeen = (part) => find(`${box.dataset.narrows}:not([hidden]), [data-part-of]:not([hidden])`, part);
    all("[data-narrowed]").forEach((part) => (part.hidden = !isSeen(part)));
    all(".contents details").forEach((part) => (part.open = words.length > 0));
    const here = new URL(location.href); // whoever copies the address sends what is seen
    if (box.value) here.searchParams.set(box.name, box.value);
    else here.searchParams.delete(box.name);
    history.replaceState(history.state, "", here);
    const none = find("[data-narrowed-none]");
    if (none) none.hidden = shown > 0;
  });

  // The browser knows the time zone, the zone its currency, and the address the key; what somebody chose stays.
  all("[data-own-zone]").forEach((select) => {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const option = [...select.options].find((one) => (one.dataset.also || "").split(" ").includes(own));
    if (option) select.value = option.value;
  });
  const followZone = (zone) => {
    const currency = zone.selectedOptions[0]?.dataset.currency;
    const select = find(`[data-currency-of="${zone.id}"]`);
    if (select && currency && !select.dataset.touched) select.value = currency;
  };
  all("[data-own-zone]").forEach(followZone);
  const showKey = (input, text) => { // nothing where only the server knows: other scripts, a key that is taken
    const bare = text.trim().toLowerCase().replace(/^[a-z]+:\/\//, "").replace(/^[^/@]*@/, "");
    const labels = bare.split(/[\s/?#:,;]/)[0].replace(/^www\./, "").split(".");
    const named = labels.length > 1 && !/^\d+$/.test(labels.at(-1)) ? labels.slice(0, -1) : labels;
    const name = plain(named.join("-"));
    const key = name.replace(/[_-]+/g, "-");
    const isSure = /^[a-z0-9](-?[a-z0-9])+$/.test(key) && key.length <= 36 && !name.includes("xn--");
    input.placeholder = isSure && !input.dataset.taken?.split(" ").includes(key) ? key : "";
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-currency-of]")) target.dataset.touched = "1";
    if (target.matches("select[name=zone][id]")) followZone(target);
  });
  document.addEventListener("input", ({ target }) => {
    const input = target.id && find(`[data-key-from="${target.id}"]`);
    if (input) showKey(input, target.value);
  });

  // Demo doors fill in the sign-in form.
  document.addEventListener("click", (event) => {
    const door = event.target.closest("[data-email]");
    if (!door) return;
    find("[name=email]").value = door.dataset.email;
    find("[name=password]").value = door.dataset.password;
    find("[name=password]").form.requestSubmit();
  });

  // A file on its way in: how far it is, how long that still takes, and a way to stop it. Told from a second on.
  const csrf = () => JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const box = find("[data-work]", ctx.sourceElement);
    if (!box) return;
    const name = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const [bar, text, stop] = box.children;
    const ask = async () => {
      const answer = await fetch(`/work/${name}`);
      if (!answer.ok) return;
      const { share, text: said, can_stop: canStop } = await answer.json();
      if (box.dataset.work !== name) return; // the work was done before this answer came
      if (share === null) bar.removeAttribute("value");
      else bar.value = share;
      text.textContent = said;
      stop.hidden = !canStop;
      box.hidden = false;
    };
    clearInterval(box.asking);
    box.asking = setInterval(ask, 1000);
    box.dataset.work = name;
    stop.onclick = () => fetch(`/work/${name}/stop`, { method: "POST", headers: csrf() });
    ctx.request.headers["X-Work"] = name;
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const box = find("[data-work]", event.detail.ctx.sourceElement);
    if (!box) return;
    clearInterval(box.asking);
    box.dataset.work = "";
    box.hidden = true;
  });

  // What a swap takes away takes the focus with it: it goes to the same control of the new part, else to the page.
  let left = null;
  const place = (element) => {
    const form = element.closest("form[hx-post]");
    const action = (form || element).getAttribute("hx-post");
    return { id: element.id, action, at: form ? [...form.elements].indexOf(element) : -1 };
  };
  const sameControl = ({ id, action, at }) => {
    if (id && document.getElementById(id)) return document.getElementById(id);
    const same = action && find(`[hx-post="${CSS.escape(action)}"]`);
    return same && at >= 0 ? same.elements?.[at] : same;
  };
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const target = typeof ctx.target === "string" ? find(ctx.target) : ctx.target; // its name, where an answer chose it
    if (!target) return;
    const at = document.activeElement;
    left = target.contains(at) && at !== target ? place(at) : null;
    // htmx copies the old part's `style` to the new one as text, which the page's policy refuses.
    if (!/morph/i.test(ctx.swap || "")) all("[id][style]", target).forEach((old) => old.removeAttribute("style"));
  });
  const focusAgain = () => {
    const lost = left && document.activeElement === document.body;
    const control = lost && sameControl(left);
    left = null;
    if (lost) (control || find("#main")).focus({ preventScroll: true });
  };

  // What scrolls sideways can be reached and moved by keyboard, and says what it is; what fits is no stop on the way.
  const nameOf = (box) => find("caption, svg[aria-label]", box) || find("h2, h3", box.closest("section, .box") || box.parentElement);
  const reach = (box) => {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (scrolls === box.hasAttribute("tabindex")) return;
    if (!scrolls) return ["tabindex", "role", "aria-label"].forEach((part) => box.removeAttribute(part));
    const named = nameOf(box);
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", (named?.getAttribute("aria-label") || named?.textContent || document.title).trim());
  };
  const sizes = new ResizeObserver((changed) => changed.forEach(({ target }) => reach(target)));
  const watchScrolls = () => all(".scroll").forEach((box) => sizes.observe(box));
  watchScrolls();
  document.addEventListener("htmx:after:swap", () => setTimeout(() => (watchScrolls(), all(".scroll").forEach(reach))));

  // A link to what is folded away unfolds it.
  const unfold = () => {
    const details = location.hash && document.getElementById(location.hash.slice(1))?.closest("details");
    if (!details) return;
    details.open = true;
    details.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => event.target.closest?.("a[href*='#']") && setTimeout(unfold)); // once more
  unfold();

  // After a form has changed the page: say where it was told, and let a reader's focus follow a problem.
  document.addEventListener("htmx:after:swap", (event) => {
    const shown = find("[data-shown]:not([data-seen])"); // a new link or codes, wherever on the page they stand
    if (shown) {
      shown.dataset.seen = "1";
      shown.scrollIntoView({ block: "center" });
      shown.focus({ preventScroll: true });
    }
    if (asked?.ctx === event.detail.ctx) tellAtFields(); // suggestions may come in between
    focusAgain();
    const problem = find("#problem[role=alert]");
    if (problem && !problem.dataset.seen) {
      problem.dataset.seen = "1";
      problem.scrollIntoView({ block: "nearest" });
    }
  });
})();
