/** A text area that is as tall as its text, up to what its style allows. */
export function grow(area: HTMLTextAreaElement, _text: string) {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  };
  fit();
  return { update: fit };
}
