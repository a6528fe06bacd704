/* The plant finder: a single-page app in three steps, each with an address of its own. */
(function () {
  "use strict";
  const stage = document.querySelector("[data-finder]");
  const steps = {
    "/finder": {
      title: "Where will it live?", lead: "Question one of two.", key: "place", next: "/finder/care",
      answers: [["indoors", "Inside", "a sill, a shelf, a dark corner"], ["outdoors", "Outside", "a balcony or a yard"]],
    },
    "/finder/care": {
      title: "How much time do you have?", lead: "Question two of two. Be honest, we will not tell.", key: "care", next: "/finder/match",
      answers: [["easy", "Sundays, if I remember", "a plant that forgives"], ["fussy", "I talk to it daily", "a plant that listens"]],
    },
  };
  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text || "";
    made.className = className || "";
    return made;
  };
  const go = (address) => {
    history.pushState(null, "", address);
    show();
  };
  const ask = (step, chosen) => {
    const answers = element("div", "", "answers");
    step.answers.forEach(([value, label, hint]) => {
      const button = element("button", label);
      button.type = "button";
      button.append(element("small", hint));
      button.addEventListener("click", () => {
        chosen.set(step.key, value);
        go(step.next + "?" + chosen);
      });
      answers.append(button);
    });
    return answers;
  };
  const match = (chosen) => {
    const plants = Array.from(document.querySelectorAll("template[data-plant]"));
    const fit = (plant) => (plant.dataset.place === chosen.get("place") ? 2 : 0) + (plant.dataset.care === chosen.get("care") ? 1 : 0);
    return plants.sort((a, b) => fit(b) - fit(a))[0];
  };
  const show = () => {
    const chosen = new URLSearchParams(location.search);
    const step = steps[location.pathname];
    stage.textContent = "";
    if (step) {
      stage.append(element("h1", step.title), element("p", step.lead, "lead"), ask(step, chosen));
    } else {
      const plant = match(chosen);
      const cards = element("div", "", "cards");
      cards.append(plant.content.cloneNode(true));
      const again = element("button", "Ask me again", "plain");
      again.type = "button";
      again.addEventListener("click", () => go("/finder"));
      const choices = element("p", "", "choices");
      choices.append(again);
      stage.append(element("h1", "This one is yours"), element("p", "It wants what you have to give.", "lead"), cards, choices);
      tandem("event", "plant_found", { plant: plant.dataset.plant });
    }
  };
  addEventListener("popstate", show);
  show();
})();
