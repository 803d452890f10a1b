// A microphone's file: a tone in syllables. A steady one would be taken for noise and suppressed.

const RATE = 48_000;
const SECONDS = 10;
const SYLLABLE_SECONDS = 0.3;
const GAP_SECONDS = 0.2;
const FADE_SECONDS = 0.02;

/** The bytes of a WAV file (PCM, 16 bit, mono, 48 kHz). */
export function toneWav(hz) {
  return wav(hz, RATE, SECONDS, envelope);
}

/** A tone without gaps, small enough for a soundboard. */
export function steadyWav(hz, seconds) {
  return wav(hz, 16_000, seconds, () => 1);
}

function wav(hz, rate, seconds, envelopeAt) {
  const samples = rate * seconds;
  const bytes = Buffer.alloc(44 + samples * 2);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(36 + samples * 2, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) {
    const at = i / rate;
    bytes.writeInt16LE(Math.round(Math.sin(2 * Math.PI * hz * at) * 16_000 * envelopeAt(at)), 44 + i * 2);
  }
  return bytes;
}

function envelope(seconds) {
  const at = seconds % (SYLLABLE_SECONDS + GAP_SECONDS);
  return Math.max(0, Math.min(1, at / FADE_SECONDS, (SYLLABLE_SECONDS - at) / FADE_SECONDS));
}
