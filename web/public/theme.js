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
  // The client's first script did not come, because the network changed at that moment: the page is asked for again, three
  // times at most. (What is loaded later is tried again by src/ui/part.ts.)
  addEventListener("error", again, true);
  function again(event) {
    if (!event.target || event.target.tagName !== "SCRIPT") return;
    removeEventListener("error", again, true);
    try {
      var tries = Number(sessionStorage.getItem("voxlink.tries") || 0) + 1;
      sessionStorage.setItem("voxlink.tries", String(tries % 4));
      if (tries < 4) setTimeout(location.reload.bind(location), 500 * tries);
    } catch (_) {
      // Without a memory there is no counting, and a page that asks for itself for ever helps nobody.
    }
  }
})();
