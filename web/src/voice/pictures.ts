// One stream per person and picture, whatever way it comes: an element that shows it goes on as its track is exchanged.

export class Pictures {
  readonly #streams = new Map<string, MediaStream>();

  /** The picture of this name (person and source), as it comes now. */
  of(name: string, now: MediaStream | undefined): MediaStream | undefined {
    const track = now?.getVideoTracks()[0];
    if (!track) return undefined;
    const stream = this.#streams.get(name) ?? new MediaStream();
    this.#streams.set(name, stream);
    const before = stream.getVideoTracks();
    if (before.length === 1 && before[0] === track) return stream;
    // In this order: an element without any track would go dark.
    stream.addTrack(track);
    for (const old of before) if (old !== track) stream.removeTrack(old);
    return stream;
  }

  /** Forgets all others: who shows something again must not be seen as they were. */
  keep(shown: ReadonlySet<string>): void {
    for (const name of this.#streams.keys()) if (!shown.has(name)) this.#streams.delete(name);
  }
}
