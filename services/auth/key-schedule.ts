/** When keys sign and when they are published. */
export interface KeySchedule {
  /** From publishing a key to signing with it: longer than the verifiers keep an old set. */
  activationMs: number;
  /** A key that has signed for so long is followed by a new one. */
  maxAgeMs: number;
  /** How long what a key signed is good. */
  tokenLifeMs: number;
}

interface Key {
  keyId: string;
  activateTime: Date;
}

/** Clocks differ, and a process learns of a change a little late. */
const slackMs = 60_000;

/** The key that signs at `now`: the one that was activated last. Keys are in the order of activation. */
export const signerAt = <K extends Key>(keys: readonly K[], now: Date): K | undefined =>
  keys.findLast((key) => key.activateTime <= now);

/** The key that will sign next, once its time has come. */
export const pendingAt = <K extends Key>(keys: readonly K[], now: Date): K | undefined =>
  keys.find((key) => key.activateTime > now);

/** The keys whose tokens may still be good, or soon will be. The others have signed nothing that has not expired. */
export const publishedAt = <K extends Key>(keys: readonly K[], now: Date, schedule: KeySchedule): K[] =>
  keys.filter((_, i) => {
    const successor = keys[i + 1];
    return !successor || successor.activateTime.getTime() + schedule.tokenLifeMs + slackMs > now.getTime();
  });

/** When a key added at `now` may sign: at once when it is the first, for nobody has an older set. */
export const activationOf = (keys: readonly Key[], now: Date, schedule: KeySchedule): Date =>
  keys.length === 0 ? now : new Date(now.getTime() + schedule.activationMs);

/** Whether a key has to be added: there is none, or the newest is too old. */
export const needsKey = (keys: readonly Key[], now: Date, schedule: KeySchedule): boolean => {
  const newest = keys.at(-1);
  return !newest || now.getTime() - newest.activateTime.getTime() >= schedule.maxAgeMs;
};
