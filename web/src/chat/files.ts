/** What is to be known about files before they are drawn: kind, size in words, room on the page. Pure. */
import type { Attachment } from "../state/model.ts";
import { look } from "../ui/look.svelte.ts";

export type FileKind = "picture" | "video" | "audio" | "file";

export function kindOf({ type, width }: Pick<Attachment, "type" | "width">): FileKind {
  // The server names a size only for what it could read as a picture or a film.
  if (/^image\/(?:png|jpeg|gif|webp|avif)$/u.test(type)) return width === null ? "file" : "picture";
  if (/^video\/(?:mp4|webm|quicktime|ogg)$/u.test(type)) return "video";
  if (type.startsWith("audio/") || type === "application/ogg") return "audio";
  return "file";
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** 212 KB, 1.8 GB in the person's language. */
export function fileSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return new Intl.NumberFormat(look.locale, { style: "unit", unit: UNITS[unit]!, unitDisplay: unit === 0 ? "long" : "short", maximumFractionDigits: value < 10 && unit > 1 ? 1 : 0 }).format(value);
}

/** As large as fits the box, never larger than it is, never a thread. */
export function fitted(width: number, height: number, most: { width: number; height: number }): { width: number; height: number } {
  const scale = Math.min(1, most.width / width, most.height / height);
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(32, Math.round(height * scale)) };
}

/** The address of a smaller copy, sharp on dense screens. Pictures that move stay as they are. */
export function thumbnail(file: Attachment, box: { width: number; height: number }, density = 2): string {
  if (file.type === "image/gif" || file.width === null || file.height === null) return file.url;
  const width = Math.min(file.width, Math.round(box.width * density));
  const height = Math.min(file.height, Math.round(box.height * density));
  if (width === file.width && file.size < 200_000) return file.url;
  return `${file.url}${file.url.includes("?") ? "&" : "?"}width=${width}&height=${height}&format=webp`;
}
