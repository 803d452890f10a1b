// What the JavaScript strangers share: carrying offers over HTTP, and media small enough to write down.

/** Posts an offer to a WHIP or WHEP endpoint; the answer and where the resource is. */
export async function post(endpoint, token, offer) {
  const response = await fetch(endpoint, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/sdp" }, body: offer });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${endpoint}: ${response.status} ${text}`);
  return { answer: text, resource: new URL(response.headers.get("location"), endpoint).href };
}

/** Ends a resource, as a good client does. */
export async function end(resource, token) {
  const response = await fetch(resource, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  if (response.status !== 200) throw new Error(`DELETE: ${response.status}`);
}

/** A grey picture of 16 by 16: a whole VP8 key frame, behind the payload descriptor of RFC 7741. Any decoder takes it. */
export const VIDEO = Buffer.from("101002009d012a100010000047088585888584880202000619680000", "hex");
/** Twenty milliseconds of silence (RFC 6716). */
export const AUDIO = Buffer.from("fcfffe", "hex");

/** An RTP packet (RFC 3550 §5.1). */
export function rtp({ payloadType, sequence, timestamp, ssrc, payload, marker }) {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = (marker ? 0x80 : 0) | payloadType;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, payload]);
}

/** What a viewer must get before it is content. */
export const ENOUGH = { video: 30, audio: 50 };
export const PATIENCE_MS = 25_000;

/** Resolves once enough of both arrived. */
export function counter() {
  const seen = { video: 0, audio: 0 };
  let done;
  const enough = new Promise((resolve, reject) => {
    done = resolve;
    setTimeout(() => reject(new Error(`too little arrived: ${JSON.stringify(seen)}`)), PATIENCE_MS);
  });
  const count = (kind) => {
    seen[kind] += 1;
    if (seen.video >= ENOUGH.video && seen.audio >= ENOUGH.audio) done(seen);
  };
  return { count, enough };
}

/** `publish` or `watch` by the first argument; publishers run until they are told to end. */
export function main(publish, watch) {
  const { ENDPOINT: endpoint, TOKEN: token } = process.env;
  const work = process.argv[2] === "publish" ? publish : watch;
  work(endpoint, token).then(
    (seen) => {
      if (seen) console.log(JSON.stringify(seen));
      process.exit(0);
    },
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

/** Until the standard input closes. */
export const told = () => new Promise((resolve) => process.stdin.on("end", resolve).resume());
