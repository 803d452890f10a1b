// The voice WebSocket, thinly: opens, sends, and tells what it hears. Once closed by us it is never heard of again.

export interface LinkEvents {
  opened(): void;
  text(text: string): void;
  closed(code: number): void;
}

/** The address the main gateway gave (`host[:port]/voice`), under the scheme the page itself came by. */
export function voiceUrl(endpoint: string, pageProtocol: string): string {
  return `${pageProtocol === "https:" ? "wss" : "ws"}://${endpoint}?v=8`;
}

export class Link {
  readonly #socket: WebSocket;
  #heard = true;

  constructor(url: string, events: LinkEvents) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("open", () => this.#heard && events.opened());
    this.#socket.addEventListener("message", ({ data }) => this.#heard && typeof data === "string" && events.text(data));
    this.#socket.addEventListener("close", ({ code }) => this.#heard && events.closed(code));
  }

  send(frame: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** 1000 tells the server that this is meant; any other code that we may be back. */
  close(final: boolean): void {
    this.#heard = false;
    this.#socket.close(final ? 1000 : 4000);
  }
}
