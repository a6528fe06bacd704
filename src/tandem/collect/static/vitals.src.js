/* Tandem: hands the web vitals of this page to the counter, once each (again after a return from the back/forward cache). */
(function (vitals) {
  "use strict";
  const told = new Set();
  const tell = (metric) => {
    // A wire event cannot be corrected later: the first report of each metric stands.
    if (told.has(metric.id) || !window.tandem) return;
    told.add(metric.id);
    window.tandem("vital", metric.name, metric.value);
  };
  [vitals.onLCP, vitals.onINP, vitals.onCLS, vitals.onTTFB, vitals.onFCP].forEach((watch) => watch(tell));
})(webVitals);
