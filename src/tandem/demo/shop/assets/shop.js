/* The shop: cart in this tab's session storage, the consent banner, and what it tells Tandem. */
window.tandem = window.tandem || function () { (tandem.q = tandem.q || []).push(arguments); };
addEventListener("pagehide", function () { // left before the counter came: the next page tells it
  if (tandem.q && !tandem.on) try {
    var k = "_tdm.e", e = JSON.parse(sessionStorage.getItem(k) || "[]").slice(-9);
    e.push([Date.now(), location.href, document.referrer, tandem.q.map(function (a) { return [].slice.call(a); })]);
    sessionStorage.setItem(k, JSON.stringify(e));
  } catch (x) {}
});
(function () {
  "use strict";
  const one = (selector, within) => (within || document).querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const money = (amount) => "€" + amount.toFixed(2);
  const read = (box, key, otherwise) => { try { return JSON.parse(box.getItem(key)) || otherwise; } catch (e) { return otherwise; } };
  const write = (box, key, value) => box.setItem(key, JSON.stringify(value));

  // ---- cart
  const cart = () => read(sessionStorage, "fern.cart", []);
  const pieces = () => cart().reduce((sum, line) => sum + line.pieces, 0);
  const total = () => Math.round(cart().reduce((sum, line) => sum + line.pieces * line.price, 0) * 100) / 100;
  const showCount = () => all("[data-cart-count]").forEach((place) => { place.textContent = pieces(); });

  const put = (button) => {
    const { add: slug, name } = button.dataset;
    const price = Number(button.dataset.price);
    const lines = cart();
    const line = lines.find((one) => one.slug === slug);
    if (line) line.pieces++;
    else lines.push({ slug, name, price, pieces: 1 });
    write(sessionStorage, "fern.cart", lines);
    showCount();
    const said = one("[data-added]");
    if (said) said.textContent = name + " is in your cart.";
    tandem("event", "added_to_cart", { product: slug, price });
  };

  const cell = (row, content, className) => {
    const td = row.insertCell();
    td.className = className || "";
    td.append(content);
  };
  const showCart = () => {
    all("[data-cart-total]").forEach((place) => { place.textContent = money(total()); });
    const place = one("[data-cart]");
    if (!place) return;
    const lines = cart();
    one("[data-cart-empty]").hidden = lines.length > 0;
    one("table", place).hidden = one(".choices", place).hidden = lines.length === 0;
    const body = one("tbody", place);
    body.textContent = "";
    lines.forEach((line) => {
      const row = body.insertRow();
      const drop = document.createElement("button");
      drop.className = "link";
      drop.type = "button";
      drop.textContent = "Take out";
      drop.addEventListener("click", () => {
        write(sessionStorage, "fern.cart", lines.filter((other) => other !== line));
        tandem("event", "removed_from_cart", { product: line.slug });
        showCart();
        showCount();
      });
      cell(row, line.name);
      cell(row, String(line.pieces));
      cell(row, money(line.pieces * line.price), "right");
      cell(row, drop, "right");
    });
  };

  const checkout = one("#checkout");
  if (checkout) {
    checkout.addEventListener("submit", () => {
      const id = "FO-" + Date.now().toString(36).toUpperCase();
      write(sessionStorage, "fern.order", { id, amount: total(), pieces: pieces() });
      sessionStorage.removeItem("fern.cart");
    });
  }
  const thanks = one("[data-thanks]");
  if (thanks && thanks.dataset.proof) { // the shop's server signed whose order it was
    tandem("identify", { crm: thanks.dataset.crm, at: thanks.dataset.at, proof: thanks.dataset.proof });
  }
  const order = thanks && read(sessionStorage, "fern.order");
  if (order) {
    sessionStorage.removeItem("fern.order"); // a reload is not a second order
    one("[data-order]").textContent = "Order " + order.id + ", " + money(order.amount) + ", paid at the door.";
    tandem("event", "purchase", { order: order.id, pieces: order.pieces }, { amount: order.amount, currency: "EUR" });
  }
  all("[data-add]").forEach((button) => button.addEventListener("click", () => put(button)));
  addEventListener("pageshow", () => { showCount(); showCart(); });

  // ---- consent: asked once, changed at any time
  const banner = one("#consent");
  if (banner) {
    const choice = read(localStorage, "fern.consent");
    banner.hidden = choice !== undefined && choice !== null;
    if (choice) tandem("consent", choice === "yes");
    all("[data-consent]").forEach((button) => button.addEventListener("click", () => {
      const answer = button.dataset.consent;
      write(localStorage, "fern.consent", answer);
      tandem("consent", answer === "yes");
      banner.hidden = true;
    }));
    one("[data-privacy]").addEventListener("click", () => {
      banner.hidden = false;
      one("button", banner).focus();
    });
  }
})();
