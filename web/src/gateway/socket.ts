/** The hands of the gateway session: the WebSocket, the timers, the network's comings and goings. Decides nothing. */
import { newSession, step, type Effect, type Frame, type Input, type Session } from "./session.ts";

export interface GatewayEvents {
  dispatch(name: string, data: unknown): void;
  phase(phase: Session["phase"]): void;
  signedOut(): void;
}

export interface Gateway {
  send(op: number, data: unknown): void;
  /** Skips what is left of the wait before coming back. */
  retryNow(): void;
  stop(): void;
}

/** Opens the gateway and keeps it open until `stop`. */
export function openGateway(url: string, token: string, events: GatewayEvents): Gateway {
  let session = newSession(token);
  let socket: WebSocket | null = null;
  let heartbeat: ReturnType<typeof setTimeout> | undefined;
  let everyMs = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  function feed(input: Input): void {
    const before = session.phase;
    const [next, effects] = step(session, input, Math.random);
    session = next;
    if (next.phase !== before) events.phase(next.phase);
    for (const effect of effects) perform(effect);
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        clearTimeout(retry);
        return connect();
      case "wait":
        clearTimeout(heartbeat);
        retry = setTimeout(() => feed({ type: "retry" }), effect.ms);
        return;
      case "send":
        return transmit(effect.frame);
      case "heartbeat":
        everyMs = effect.everyMs;
        return beat(effect.firstMs);
      case "dispatch":
        return events.dispatch(effect.name, effect.data);
      case "close":
        clearTimeout(heartbeat);
        clearTimeout(retry);
        // 4000: the server keeps the session for a resume, which 1000 would end.
        socket?.close(session.phase === "idle" ? 1000 : 4000);
        socket = null;
        return;
      case "signed-out":
        return events.signedOut();
    }
  }

  function connect(): void {
    const opened = new WebSocket(`${url}?v=10&encoding=json`);
    socket = opened;
    opened.addEventListener("open", () => opened === socket && feed({ type: "opened" }));
    opened.addEventListener("message", ({ data }) => {
      if (opened === socket) feed({ type: "frame", frame: JSON.parse(data as string) as Frame });
    });
    opened.addEventListener("close", ({ code }) => {
      if (opened !== socket) return;
      socket = null;
      clearTimeout(heartbeat);
      feed({ type: "closed", code });
    });
  }

  function beat(inMs: number): void {
    clearTimeout(heartbeat);
    heartbeat = setTimeout(() => {
      beat(everyMs);
      feed({ type: "beat" });
    }, inMs);
  }

  function transmit(frame: Frame): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  const online = () => feed({ type: "retry" });
  window.addEventListener("online", online);
  feed({ type: "start" });
  return {
    // Before READY the server knows nobody here and would close the socket (4003).
    send: (op, data) => {
      if (session.phase === "ready") transmit({ op, d: data });
    },
    retryNow: online,
    stop: () => {
      window.removeEventListener("online", online);
      feed({ type: "stop" });
    },
  };
}
