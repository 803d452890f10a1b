// What no API but the SDP text itself can say: that we can play stereo, that music is sent in stereo, and that a voice is sent with redundancy.

/** Music survives this. RFC 7587 §6.1 names the parameters. */
const MUSIC = "stereo=1;sprop-stereo=1;usedtx=0";
/** Nothing is sent while nobody speaks. */
const VOICE = "stereo=0;useinbandfec=1;usedtx=1";

/** Lets everything that we hear decode both channels; without it shared sound would arrive as mono. */
export function hearStereo(ours: string): string {
  return mapOpus(ours, (fmtp, section) => (/^a=(recvonly|sendrecv)/m.test(section) ? withParameters(fmtp, "stereo=1") : fmtp));
}

/** Makes our encoder send this sound as a voice, although the other one could play stereo; the server's answers say it themselves. */
export function sendVoice(theirs: string, mid: string): string {
  return mapOpus(theirs, (fmtp, section) => (midOf(section) === mid ? withParameters(fmtp, VOICE) : fmtp));
}

/** The names of all m-lines, in their order. */
export function midsOf(sdp: string): string[] {
  return [...sdp.matchAll(/^a=mid:(\S+)/gm)].map(([, mid]) => mid ?? "");
}

/** Makes our encoder send this sound in stereo, at up to `bitrate` bit/s, whatever the answer said about it. */
export function sendStereo(answer: string, mid: string, bitrate: number): string {
  return mapOpus(answer, (fmtp, section) => (midOf(section) === mid ? withParameters(fmtp, `${MUSIC};maxaveragebitrate=${bitrate}`) : fmtp));
}

/** Makes our encoder send this audio as RED (RFC 2198), or plain: it takes the payload type that the other's description names first. */
export function sendRedundant(theirs: string, mid: string, on = true): string {
  return mapSections(theirs, (section) => {
    const red = /^a=rtpmap:(\d+) red\/48000/im.exec(section)?.[1];
    if (midOf(section) !== mid || red === undefined) return section;
    return section.replace(/^(m=audio \S+ \S+)((?: \d+)+)/, (_, head: string, types: string) => {
      const others = types.trim().split(" ").filter((type) => type !== red);
      return [head, ...(on ? [red, ...others] : [...others, red])].join(" ");
    });
  });
}

function mapSections(sdp: string, change: (section: string) => string): string {
  return sdp
    .split(/^(?=m=)/m)
    .map(change)
    .join("");
}

function mapOpus(sdp: string, change: (parameters: string, section: string) => string): string {
  return mapSections(sdp, (section) => {
      const type = /^a=rtpmap:(\d+) opus\//im.exec(section)?.[1];
      if (!section.startsWith("m=audio") || type === undefined) return section;
      const line = new RegExp(`^a=fmtp:${type} (.*)$`, "m");
      if (line.test(section)) {
        return section.replace(line, (_, now: string) => `a=fmtp:${type} ${change(now, section)}`);
      }
      const parameters = change("", section);
      return parameters === "" ? section : section.replace(/^(a=rtpmap:\d+ opus\/.*)$/im, `$1\r\na=fmtp:${type} ${parameters}`);
  });
}

function withParameters(fmtp: string, parameters: string): string {
  const changed = new Set(parameters.split(";").map((parameter) => parameter.split("=")[0]));
  const kept = fmtp.split(";").filter((parameter) => parameter !== "" && !changed.has(parameter.trim().split("=")[0]));
  return [...kept, parameters].join(";");
}

function midOf(section: string): string | undefined {
  return /^a=mid:(\S+)/m.exec(section)?.[1];
}
