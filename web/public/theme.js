// Runs before the first paint, so that a dark room never flashes white. It only copies what was chosen in settings.
(function () {
  var root = document.documentElement;
  try {
    var kept = JSON.parse(localStorage.getItem("voxlink.look") || "{}");
    if (kept.theme === "light" || kept.theme === "dark") root.dataset.theme = kept.theme;
    if (kept.contrast === "more" || kept.contrast === "normal") root.dataset.contrast = kept.contrast;
    var locale = kept.locale || (navigator.language.toLowerCase().indexOf("ru") === 0 ? "ru" : "en");
    root.lang = locale === "ru" ? "ru" : "en";
  } catch (_) {
    root.lang = "en";
  }
  // The client's first script did not come, because the network changed at that moment: the page is loaded anew, a few
  // times. What is loaded later: src/ui/part.ts, which counts in the same place.
  addEventListener("error", again, true);
  function again(event) {
    if (!event.target || event.target.tagName !== "SCRIPT") return;
    removeEventListener("error", again, true);
    try {
      var now = Date.now();
      var times = JSON.parse(sessionStorage.getItem("voxlink.reloads") || "[]").filter(function (time) {
        return now - time < 60000;
      });
      if (times.length >= 5) return;
      sessionStorage.setItem("voxlink.reloads", JSON.stringify(times.concat(now)));
      setTimeout(location.reload.bind(location), 500);
    } catch (_) {
      // Without a memory there is no counting, and a page that loads itself for ever helps nobody.
    }
  }
})();
