// Runs inside the page before the app: its microphone is a tone that begins anew with every second of the machine's clock, so
// that what several pages say at the same instant can be found again in what was kept of them. `testClicks` says when each
// really left: a page that has no processor to itself is late.

export function clicks(hz) {
  const SOUNDS_MS = 300;
  const AHEAD_MS = 400;
  const FADE_S = 0.002;
  const { getUserMedia } = MediaDevices.prototype;
  let stream;
  const begin = () => {
    const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
    const tone = new OscillatorNode(context, { frequency: hz });
    const gate = new GainNode(context, { gain: 0 });
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(gate).connect(out);
    tone.start();
    let next = 0;
    // Each second is placed anew: a page that was held up is late once, not for ever.
    setInterval(() => {
      const now = Date.now();
      const second = Math.ceil((now + 1) / 1_000) * 1_000;
      if (second - now > AHEAD_MS || second === next) return;
      next = second;
      const at = context.currentTime + (second - now) / 1_000;
      gate.gain.setValueAtTime(0, at);
      gate.gain.linearRampToValueAtTime(0.5, at + FADE_S);
      gate.gain.setValueAtTime(0.5, at + SOUNDS_MS / 1_000);
      gate.gain.linearRampToValueAtTime(0, at + SOUNDS_MS / 1_000 + FADE_S);
    }, 50);
    void note(out.stream.getAudioTracks()[0].clone());
    return out.stream;
  };
  /** In milliseconds of a clock that never jumps, which a page may have to itself; and what to add for the time of day. */
  const note = async (track) => {
    window.testClicks = { at: [], toDate: Number.POSITIVE_INFINITY };
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let quiet = true;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const sound = new Float32Array(value.numberOfFrames);
      value.copyTo(sound, { planeIndex: 0, format: "f32-planar" });
      const began = value.timestamp / 1_000;
      window.testClicks.toDate = Math.min(window.testClicks.toDate, Date.now() - began);
      const first = sound.findIndex((sample) => Math.abs(sample) > 0.02);
      if (quiet && first >= 0) window.testClicks.at.push(began + first / 48);
      quiet = first < 0;
      value.close();
    }
  };
  MediaDevices.prototype.getUserMedia = async function (constraints) {
    if (!constraints?.audio || constraints.video) return getUserMedia.call(this, constraints);
    stream ??= begin();
    return stream.clone();
  };
}
