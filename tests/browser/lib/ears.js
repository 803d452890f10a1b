// Runs inside the page before the app: listens to what the app plays and looks at what it shows.
// It watches playback, not the network: an element that is paused, muted or turned down is not heard.

export function ears() {
  const elements = new Set();
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function (...rest) {
    elements.add(this);
    return play.apply(this, rest);
  };

  const connections = [];
  /** When each connection got its answer, and its first sound. */
  const firstSound = new Map();
  const Original = RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...rest) {
      super(...rest);
      connections.push(this);
      this.addEventListener("track", ({ track }) => {
        if (track.kind === "audio") track.addEventListener("unmute", () => (firstSound.get(this).atMs ??= performance.now()));
      });
      firstSound.set(this, {});
    }
    setRemoteDescription(...rest) {
      firstSound.get(this).answeredMs ??= performance.now();
      return super.setRemoteDescription(...rest);
    }
  };

  let context;
  const analysers = new Map();
  const analyserOf = (stream) => {
    if (!analysers.has(stream)) {
      context ??= new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      context.createMediaStreamSource(stream).connect(analyser);
      analysers.set(stream, analyser);
    }
    return analysers.get(stream);
  };
  const audible = () =>
    [...elements].filter(
      (element) =>
        !element.paused && !element.muted && element.volume > 0 && element.srcObject instanceof MediaStream && element.srcObject.getAudioTracks().length > 0,
    );

  // Files are heard apart from calls: as elements that play by themselves, or through Web Audio behind whatever turns them down.
  const routed = new WeakSet();
  const fromFiles = new WeakSet();
  const taps = [];
  const { createMediaElementSource } = AudioContext.prototype;
  AudioContext.prototype.createMediaElementSource = function (element) {
    routed.add(element);
    return createMediaElementSource.call(this, element);
  };
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (this instanceof MediaElementAudioSourceNode || fromFiles.has(this)) {
      if (target instanceof AudioDestinationNode) {
        const analyser = this.context.createAnalyser();
        analyser.fftSize = 8192;
        connect.call(this, analyser);
        taps.push({ analyser, volume: () => 1 });
      } else fromFiles.add(target);
    }
    return connect.call(this, target, ...rest);
  };
  const captured = new Map();
  const filesHeard = () => {
    for (const element of elements) {
      if (element.srcObject || routed.has(element) || captured.has(element) || element.paused || element.readyState < 2) continue;
      captured.set(element, { analyser: analyserOf(element.captureStream()), volume: () => (element.paused || element.muted ? 0 : element.volume) });
    }
    return [...taps, ...captured.values()];
  };

  // The notes that the page makes itself: its signs.
  const notes = [];
  const { start } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (...rest) {
    notes.push(this.frequency.value);
    return start.apply(this, rest);
  };

  /** Goertzel: the amplitude (0 to 1) at one frequency. */
  const amplitude = (samples, hz, rate) => {
    const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
    let one = 0;
    let two = 0;
    for (const sample of samples) [one, two] = [sample + turn * one - two, one];
    return (2 * Math.sqrt(Math.max(0, one * one + two * two - turn * one * two))) / samples.length;
  };

  window.testEars = {
    /** How many connections this page has made, and how many still stand. */
    connections: () => ({ made: connections.length, open: connections.filter((it) => it.connectionState !== "closed").length }),
    /** The ends of the path that each open connection has chosen, and what came by it; `direct` is one with a data channel. */
    async ways() {
      const open = connections.filter((it) => it.connectionState !== "closed");
      return Promise.all(
        open.map(async (connection) => {
          const report = await connection.getStats();
          const all = [...report.values()];
          const pair = report.get(all.find((it) => it.type === "transport")?.selectedCandidatePairId);
          const end = (id) => `${report.get(id)?.address}:${report.get(id)?.port}`;
          const packets = all.filter((it) => it.type === "inbound-rtp").reduce((sum, it) => sum + it.packetsReceived, 0);
          // Of all its candidates: a path that breaks has others beside it.
          const ports = all.filter((it) => it.type === "local-candidate" && it.protocol === "udp").map((it) => it.port);
          const fragment = /^a=ice-ufrag:(\S+)/mu.exec(connection.localDescription?.sdp ?? "")?.[1];
          return { ports, fragment, direct: connection.sctp !== null, state: connection.connectionState, local: pair && end(pair.localCandidateId), remote: pair && end(pair.remoteCandidateId), packets };
        }),
      );
      },
    /** How the open connection goes: "udp", "tcp", or by a relay, with what carries it there: "relay/tls"; null while it does not. */
    async path() {
      const report = await connections.findLast((it) => it.connectionState !== "closed")?.getStats();
      const all = [...(report?.values() ?? [])];
      const pair = report?.get(all.find((it) => it.type === "transport")?.selectedCandidatePairId);
      const local = pair && report.get(pair.localCandidateId);
      if (!local || pair.state !== "succeeded") return null;
      return local.candidateType === "relay" ? `relay/${local.relayProtocol}` : local.protocol;
    },
    /** Milliseconds from the answer to the first sound of the open connection; null while there is none. */
    firstSoundMs() {
      const moments = firstSound.get(connections.findLast((it) => it.connectionState !== "closed"));
      return moments?.atMs ? Math.round(moments.atMs - moments.answeredMs) : null;
    },
    /** What the open connection has received and sent so far: sound in samples, pictures in frames, both in bytes. */
    async counters() {
      const connection = connections.findLast((it) => it.connectionState !== "closed");
      const report = await connection?.getStats();
      const inbound = [...(report?.values() ?? [])].filter((it) => it.type === "inbound-rtp" && it.packetsReceived > 0);
      const outbound = [...(report?.values() ?? [])].filter((it) => it.type === "outbound-rtp");
      const sum = (all, kind, name) => all.reduce((total, it) => total + (it.kind === kind ? (it[name] ?? 0) : 0), 0);
      return {
        atMs: performance.now(),
        samples: sum(inbound, "audio", "totalSamplesReceived"),
        concealed: sum(inbound, "audio", "concealedSamples") - sum(inbound, "audio", "silentConcealedSamples"),
        audioBytes: sum(inbound, "audio", "bytesReceived"),
        frames: sum(inbound, "video", "framesDecoded"),
        freezes: sum(inbound, "video", "freezeCount"),
        videoBytes: sum(inbound, "video", "bytesReceived"),
        sentAudioBytes: sum(outbound, "audio", "bytesSent"),
        sentVideoBytes: sum(outbound, "video", "bytesSent"),
        // What its encoder works towards; the microphone is offered first.
        microphoneBitrate: outbound.find((it) => it.mid === connection?.getTransceivers()[0]?.mid)?.targetBitrate,
      };
    },
    /** Begins to watch a video; `longestStill` then says for how many ms it showed one picture at most since it was asked last. */
    watch(video) {
      let last = performance.now();
      let longest = 0;
      const shown = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
      window.testEars.longestStill = () => {
        const still = Math.max(longest, performance.now() - last);
        longest = 0;
        return still;
      };
    },
    longestStill: () => Number.POSITIVE_INFINITY,
    /** The loudest moment at each frequency while listening for `ms`. */
    async listen(frequencies, ms) {
      const loudest = Object.fromEntries(frequencies.map((hz) => [hz, 0]));
      const samples = new Float32Array(8192);
      for (const end = performance.now() + ms; performance.now() < end; ) {
        for (const element of audible()) {
          const analyser = analyserOf(element.srcObject);
          analyser.getFloatTimeDomainData(samples);
          for (const hz of frequencies) loudest[hz] = Math.max(loudest[hz], amplitude(samples, hz, analyser.context.sampleRate) * element.volume);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return loudest;
    },
    /** The same of files that are played. */
    async listenToFiles(frequencies, ms) {
      const loudest = Object.fromEntries(frequencies.map((hz) => [hz, 0]));
      const samples = new Float32Array(8192);
      for (const end = performance.now() + ms; performance.now() < end; ) {
        for (const { analyser, volume } of filesHeard()) {
          analyser.getFloatTimeDomainData(samples);
          for (const hz of frequencies) loudest[hz] = Math.max(loudest[hz], amplitude(samples, hz, analyser.context.sampleRate) * volume());
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return loudest;
    },
    /** The frequencies of all notes that the page has played so far, in their order. */
    notes: () => notes.map(Math.round),
    /**
     * How much sound came in so far from whoever is heard at this frequency, and how much of it was made up, in samples;
     * null while nobody is.
     */
    async soundOf(hz) {
      const samples = new Float32Array(8192);
      let [loudest, track] = [0, null];
      for (const element of audible()) {
        const analyser = analyserOf(element.srcObject);
        analyser.getFloatTimeDomainData(samples);
        const loud = amplitude(samples, hz, analyser.context.sampleRate);
        if (loud > loudest) [loudest, track] = [loud, element.srcObject.getAudioTracks()[0].id];
      }
      const report = await connections.findLast((it) => it.connectionState !== "closed")?.getStats();
      const inbound = [...(report?.values() ?? [])].find((it) => it.type === "inbound-rtp" && it.trackIdentifier === track);
      return inbound && { track, loudest, samples: inbound.totalSamplesReceived, concealed: inbound.concealedSamples - inbound.silentConcealedSamples };
    },
    /**
     * Begins to listen for one frequency in all that is heard, mixed as a speaker mixes it; `silences` then says for how
     * many ms it was silent at most since it was asked last, and how loud it was at most.
     */
    attend(hz) {
      context ??= new AudioContext();
      const inputs = new Map();
      const meter = context.createScriptProcessor(1024, 1, 1);
      const [mix, filter] = [0, 1].map(() => new BiquadFilterNode(context, { type: "bandpass", frequency: hz, Q: 10 }));
      mix.connect(filter).connect(meter);
      const step = Math.round(context.sampleRate / 200);
      let [silent, longest, loudest] = [0, 0, 0];
      meter.onaudioprocess = ({ inputBuffer }) => {
        const samples = inputBuffer.getChannelData(0);
        for (let from = 0; from < samples.length; from += step) {
          const part = samples.subarray(from, from + step);
          const level = Math.sqrt(part.reduce((sum, it) => sum + it * it, 0) / part.length);
          loudest = Math.max(loudest, level);
          silent = level < 0.02 ? silent + part.length : 0;
          longest = Math.max(longest, silent);
        }
      };
      meter.connect(context.destination);
      setInterval(() => {
        const now = new Set(audible());
        for (const element of elements) {
          const stream = element.srcObject;
          const known = inputs.get(element);
          if (known && known.stream !== stream) {
            known.source.disconnect();
            inputs.delete(element);
          }
          if (!inputs.has(element) && stream instanceof MediaStream && stream.getAudioTracks().length > 0) {
            const gain = new GainNode(context, { gain: 0 });
            const source = context.createMediaStreamSource(stream);
            source.connect(gain).connect(mix);
            inputs.set(element, { stream, source, gain });
          }
          const input = inputs.get(element);
          if (input) input.gain.gain.value = now.has(element) ? element.volume : 0;
        }
      }, 10);
      window.testEars.silences = () => {
        const found = { ms: Math.round((longest / context.sampleRate) * 1_000), loudest };
        [longest, loudest] = [0, 0];
        return found;
      };
    },
    /** Width and height of the pictures that a video shows now, as "1280x720". */
    size: (video) => (video instanceof HTMLVideoElement ? `${video.videoWidth}x${video.videoHeight}` : null),
    /** A fingerprint of what a video shows now, or null while it shows nothing. */
    look(video) {
      if (!(video instanceof HTMLVideoElement) || video.videoWidth === 0 || video.paused) return null;
      const canvas = new OffscreenCanvas(64, 36);
      const pen = canvas.getContext("2d");
      pen.drawImage(video, 0, 0, 64, 36);
      const { data } = pen.getImageData(0, 0, 64, 36);
      let hash = 2166136261;
      for (const byte of data) hash = Math.imul(hash ^ byte, 16777619);
      return hash >>> 0;
    },
  };
}
