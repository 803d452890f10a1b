/** One typed way to the server: JSON in and out, its errors as {@link ApiError}, its rate limits waited out. */

/** What the server answered when it did not do what was asked. `status` 0: no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** The v10 code: 10003 unknown channel, 50013 missing permissions, 50035 a field is wrong … */
    readonly code: number,
    message: string,
    /** The first complaint about each field. */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }
  /** Whether the same request may succeed later without being changed. */
  get passing(): boolean {
    return this.status === 0 || (this.status === 429 && this.code !== SLOW_MODE) || this.status >= 500;
  }
}

/** How often a 429 is waited out before it is told to the caller, and the longest single wait. */
const PATIENCE = 4;
const LONGEST_WAIT_S = 15;
/** An answer that takes longer is no answer. */
const TIMEOUT_MS = 20_000;

export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

export class Http {
  constructor(
    private readonly token: () => string | null,
    /** Called when the server no longer knows the token. */
    private readonly onUnauthorized: () => void = () => {},
  ) {}

  /** `reason` is written into the audit log beside what is done. */
  async request<T>(method: Method, path: string, body?: unknown, reason?: string): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#send(method, path, body, reason);
      if (response.status === 429 && attempt < PATIENCE) {
        const limit = (await response.json().catch(() => null)) as RateLimit | null;
        // A person's own slow mode may last for hours: they are told.
        if (limit?.code === SLOW_MODE) throw toError(429, limit);
        await pause(retryAfter(limit, response));
        continue;
      }
      if (response.status === 204) return undefined as T;
      const data: unknown = await response.json().catch(() => null);
      if (response.ok) return data as T;
      if (response.status === 401 && this.token() !== null) this.onUnauthorized();
      throw toError(response.status, data);
    }
  }

  /** As {@link request}, for what is text and no JSON. */
  async text(path: string): Promise<string> {
    const response = await this.#send("GET", path, undefined);
    if (response.ok) return await response.text();
    throw toError(response.status, await response.json().catch(() => null));
  }

  async #send(method: Method, path: string, body: unknown, reason?: string): Promise<Response> {
    const headers: Record<string, string> = {};
    const token = this.token();
    if (token !== null) headers["Authorization"] = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (reason) headers["X-Audit-Log-Reason"] = encodeURIComponent(reason);
    try {
      return await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      throw new ApiError(0, 0, "no answer");
    }
  }
}

interface RateLimit {
  retry_after?: number;
  code?: number;
}
/** v10: this channel lets one person write only so often. */
const SLOW_MODE = 20016;

function retryAfter(data: RateLimit | null, response: Response): number {
  const seconds = data?.retry_after ?? Number(response.headers.get("Retry-After") ?? 1);
  return Math.min(LONGEST_WAIT_S, Number.isFinite(seconds) ? seconds : 1) * 1000;
}

function toError(status: number, data: unknown): ApiError {
  const shape = data as { code?: number; message?: string; errors?: unknown } | null;
  return new ApiError(status, shape?.code ?? 0, shape?.message ?? "", complaints(shape?.errors));
}

/** `{name:{_errors:[{message}]}}` flattened to `{name: message}`; nested fields are joined with dots. */
export function complaints(errors: unknown, prefix = "", found: Record<string, string> = {}): Record<string, string> {
  if (typeof errors !== "object" || errors === null) return found;
  for (const [key, value] of Object.entries(errors)) {
    if (key === "_errors" && Array.isArray(value)) found[prefix] ??= String((value[0] as { code?: string; message?: string } | undefined)?.code ?? "");
    else complaints(value, prefix ? `${prefix}.${key}` : key, found);
  }
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
