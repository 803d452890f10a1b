/** Files on their way to the server, by channel: chosen, sent with progress, then named by a message. */
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import type { WireUpload, WireUploadLimits } from "../api/wire.ts";
import { account, api } from "./account.svelte.ts";
import type { Id } from "./model.ts";

/** v10: the most files of one message. */
export const MOST_FILES = 10;

export interface Upload {
  key: string;
  channelId: Id;
  name: string;
  size: number;
  type: string;
  /** A picture of it, made here. */
  preview: string | null;
  state: "sending" | "ready" | "failed";
  /** From 0 to 1. */
  progress: number;
  problem: string | null;
  /** The server's id once it is there. */
  id: Id | null;
  spoiler: boolean;
  description: string;
}
export type Refusal = { reason: "too-large"; name: string; size: number; limit: number } | { reason: "too-many"; limit: number } | { reason: "quota"; left: number } | { reason: "empty"; name: string };

class Uploads {
  all = $state.raw<readonly Upload[]>([]);
  limits = $state.raw<WireUploadLimits | null>(null);
  #requests = new Map<string, XMLHttpRequest>();
  #files = new Map<string, File>();
  #waiting = new Map<string, (() => void)[]>();
  #count = 0;

  /** Those that wait in the tray of a channel; what belongs to a message on its way is not in it. */
  in(channelId: Id, taken: ReadonlySet<string>): Upload[] {
    return this.all.filter((upload) => upload.channelId === channelId && !taken.has(upload.key));
  }
  get(key: string): Upload | undefined {
    return this.all.find((upload) => upload.key === key);
  }

  async learnLimits(): Promise<WireUploadLimits | null> {
    this.limits ??= await api.uploadLimits().catch(() => null);
    return this.limits;
  }

  /** Takes files, or says in which way they cannot be taken; what fits is taken all the same. */
  async add(channelId: Id, files: readonly File[], room: number): Promise<Refusal[]> {
    const limits = await this.learnLimits();
    const refusals: Refusal[] = [];
    let quota = limits ? limits.quota - limits.used : Infinity;
    let left = room;
    for (const file of files) {
      if (left === 0) {
        refusals.push({ reason: "too-many", limit: MOST_FILES });
        break;
      }
      if (file.size === 0) refusals.push({ reason: "empty", name: file.name });
      else if (limits && file.size > limits.max_size) refusals.push({ reason: "too-large", name: file.name, size: file.size, limit: limits.max_size });
      else if (file.size > quota) refusals.push({ reason: "quota", left: Math.max(0, quota) });
      else {
        quota -= file.size;
        left--;
        this.#start(channelId, file);
      }
    }
    return refusals;
  }

  change(key: string, change: Partial<Upload>): void {
    this.all = this.all.map((upload) => (upload.key === key ? { ...upload, ...change } : upload));
  }

  retry(key: string): void {
    const file = this.#files.get(key);
    if (!file) return;
    this.change(key, { state: "sending", progress: 0, problem: null });
    this.#send(key, file);
  }

  /** Takes a file back, on the server too. */
  drop(key: string): void {
    const upload = this.get(key);
    this.#requests.get(key)?.abort();
    if (upload?.id) void api.dropUpload(upload.id).catch(() => {});
    this.forget(key);
  }

  /** The message that names it is there. */
  forget(key: string): void {
    const upload = this.get(key);
    if (upload?.preview) URL.revokeObjectURL(upload.preview);
    this.#requests.delete(key);
    this.#files.delete(key);
    this.all = this.all.filter((entry) => entry.key !== key);
    this.#settle(key);
  }

  /** Waits until a file is there or has failed. */
  async settled(key: string): Promise<Upload | undefined> {
    if (this.get(key)?.state === "sending") await new Promise<void>((resolve) => this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]));
    return this.get(key);
  }

  #start(channelId: Id, file: File): void {
    const key = `u${Date.now().toString(36)}${(this.#count++).toString(36)}`;
    const preview = /^image\/(?!svg)/u.test(file.type) ? URL.createObjectURL(file) : null;
    const name = file.name || `file-${this.#count}`;
    this.#files.set(key, file);
    this.all = [...this.all, { key, channelId, name, size: file.size, type: file.type, preview, state: "sending", progress: 0, problem: null, id: null, spoiler: false, description: "" }];
    this.#send(key, file);
  }

  #send(key: string, file: File): void {
    const upload = this.get(key);
    if (!upload) return;
    const request = new XMLHttpRequest();
    this.#requests.set(key, request);
    request.open("POST", `/api/v1/attachments?channel_id=${upload.channelId}&filename=${encodeURIComponent(upload.name)}`);
    request.setRequestHeader("Authorization", `Bearer ${account.token ?? ""}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => total > 0 && this.change(key, { progress: loaded / total }));
    request.addEventListener("load", () => {
      const body = request.response as (Partial<WireUpload> & { code?: number; message?: string }) | null;
      if (request.status === 201 && body?.id) {
        if (this.limits) this.limits = { ...this.limits, used: this.limits.used + file.size };
        this.change(key, { state: "ready", progress: 1, id: body.id });
      } else this.change(key, { state: "failed", problem: sentence(new ApiError(request.status, body?.code ?? 0, body?.message ?? "")) });
      this.#settle(key);
    });
    request.addEventListener("error", () => {
      this.change(key, { state: "failed", problem: sentence(new ApiError(0, 0, "no answer")) });
      this.#settle(key);
    });
    request.send(file);
  }

  #settle(key: string): void {
    for (const resolve of this.#waiting.get(key) ?? []) resolve();
    this.#waiting.delete(key);
  }
}

export const uploads = new Uploads();
