// What a person chose about sound and picture, kept in this browser: devices and the volume of each other person.

import type { DeviceKind, VoicesMode } from "./types.ts";

const KEY = "voxlink.voice";
/** The oldest choices go when there are more. */
const MOST_VOLUMES = 500;

export interface Preferences {
  microphone?: string;
  camera?: string;
  speaker?: string;
  /** The microphone is for music: stereo, nothing taken away. */
  music?: boolean;
  /** Comings, goings and one's own switches are heard; they are unless this says no. */
  sounds?: boolean;
  /** How the others are heard; automatic unless this says something else. */
  voices?: VoicesMode;
  /** Gain of what is played from soundboards, 0 to 1; 1 unless this says less. */
  soundboard?: number;
  /** Gain by user id, 0 to 2, where it is not 1. */
  volumes: Record<string, number>;
}

export function loadPreferences(): Preferences {
  try {
    const raw: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return isPreferences(raw) ? { ...raw, volumes: raw.volumes ?? {} } : { volumes: {} };
  } catch {
    return { volumes: {} };
  }
}

export function withDevice(preferences: Preferences, kind: DeviceKind, deviceId: string): Preferences {
  return save({ ...preferences, [kind]: deviceId });
}

export function withMusic(preferences: Preferences, music: boolean): Preferences {
  return save({ ...preferences, music });
}

export function withSounds(preferences: Preferences, sounds: boolean): Preferences {
  return save({ ...preferences, sounds });
}

export function withVoices(preferences: Preferences, voices: VoicesMode): Preferences {
  return save({ ...preferences, voices });
}

export function withSoundboard(preferences: Preferences, soundboard: number): Preferences {
  return save({ ...preferences, soundboard });
}

/** Whom one does not hear at all, the newest choices last. */
export function silenced(preferences: Preferences): string[] {
  return Object.entries(preferences.volumes).flatMap(([id, gain]) => (gain === 0 ? [id] : []));
}

export function withVolume(preferences: Preferences, userId: string, gain: number): Preferences {
  const others = Object.entries(preferences.volumes).filter(([id]) => id !== userId);
  const kept = others.slice(-MOST_VOLUMES + 1);
  if (gain !== 1) kept.push([userId, gain]);
  return save({ ...preferences, volumes: Object.fromEntries(kept) });
}

function save(preferences: Preferences): Preferences {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Storage is full or forbidden: the choice holds until the page is closed.
  }
  return preferences;
}

function isPreferences(value: unknown): value is Partial<Preferences> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
