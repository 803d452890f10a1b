/** How large an element is drawn, in device pixels, and whether anybody can see it. */
import type { TileReport } from "../voice/types.ts";

/** Reports now and whenever it changes, until the returned function is called. */
export function watchSize(element: HTMLElement, report: TileReport): () => void {
  let onScreen = false;
  const tell = () => {
    const inPicture = document.pictureInPictureElement === element;
    const { width, height } = element.getBoundingClientRect();
    const ratio = devicePixelRatio;
    const seen = inPicture || (onScreen && document.visibilityState === "visible");
    report.seen(seen && width > 0 && height > 0 ? { width: width * ratio, height: height * ratio } : null);
  };
  const sizes = new ResizeObserver(tell);
  const places = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? false;
    tell();
  });
  sizes.observe(element);
  places.observe(element);
  document.addEventListener("visibilitychange", tell);
  element.addEventListener("enterpictureinpicture", tell);
  element.addEventListener("leavepictureinpicture", tell);
  return () => {
    sizes.disconnect();
    places.disconnect();
    document.removeEventListener("visibilitychange", tell);
    element.removeEventListener("enterpictureinpicture", tell);
    element.removeEventListener("leavepictureinpicture", tell);
    report.gone();
  };
}
