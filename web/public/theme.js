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
})();
