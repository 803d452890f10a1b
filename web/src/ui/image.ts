/** Pictures that a person chooses: read, cropped and made small here, so that little is sent. */
import { m } from "./messages.ts";

/** The server takes data URIs up to 1 MiB of JSON; base64 makes four of three. */
export const LARGEST_BYTES = 700 * 1024;
/** What a browser is asked to read at all. */
const LARGEST_FILE = 20 * 1024 * 1024;
export const ACCEPT = "image/png,image/jpeg,image/gif,image/webp";

export class PictureError extends Error {}

/** Lets the person choose a file; null when they thought better of it. */
export function chooseFile(accept = ACCEPT): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = accept;
    input.hidden = true;
    input.dataset["testid"] = "file";
    const done = (file: File | null) => {
      input.remove();
      resolve(file);
    };
    input.addEventListener("change", () => done(input.files?.[0] ?? null));
    input.addEventListener("cancel", () => done(null));
    document.body.append(input);
    input.click();
  });
}

export async function readPicture(file: File): Promise<ImageBitmap> {
  if (file.size > LARGEST_FILE) throw new PictureError(m.picture_too_big({ size: m.megabytes({ value: LARGEST_FILE / 1024 / 1024 }) }));
  try {
    return await createImageBitmap(file);
  } catch {
    throw new PictureError(m.picture_bad());
  }
}

export function toDataUri(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.addEventListener("error", () => reject(new PictureError(m.picture_bad())));
    reader.readAsDataURL(blob);
  });
}

/** A part of a picture as a data URI of the given size: WebP, smaller and smaller until it fits. */
export async function cut(picture: ImageBitmap, from: { x: number; y: number; width: number; height: number }, to: { width: number; height: number }): Promise<string> {
  const canvas = document.createElement("canvas");
  canvas.width = to.width;
  canvas.height = to.height;
  const context = canvas.getContext("2d");
  if (!context) throw new PictureError(m.picture_bad());
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, from.x, from.y, from.width, from.height, 0, 0, to.width, to.height);
  for (const quality of [0.92, 0.8, 0.6]) {
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/webp", quality));
    if (blob && blob.size <= LARGEST_BYTES) return toDataUri(blob);
  }
  throw new PictureError(m.picture_too_big({ size: m.kilobytes({ value: LARGEST_BYTES / 1024 }) }));
}
