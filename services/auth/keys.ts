import { createPrivateKey, type KeyObject } from "node:crypto";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importJWK,
  type JWK,
} from "jose";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import { activationOf, type KeySchedule, needsKey, pendingAt, publishedAt, signerAt } from "./key-schedule.ts";
import type { KeyStore, StoredKey } from "./key-store.ts";
import { refuse } from "./refusals.ts";
import type { Seal } from "./seal.ts";

/** The algorithm of all keys: ECDSA on P-256, which the edge verifies. */
export const algorithm = "ES256";

/** The signing keys, from memory: they go on while the database is away. */
export interface KeyRing {
  /** The key to sign with. @throws ConnectError UNAVAILABLE before the first {@link KeyRing.refresh}. */
  signer(): { keyId: string; privateKey: KeyObject };
  /** The public key of that id, as long as its tokens are accepted. */
  verifier(keyId: string): CryptoKey | undefined;
  /** What verifiers fetch. @throws ConnectError UNAVAILABLE before the first {@link KeyRing.refresh}. */
  jwks(): { keys: JWK[] };
  /** Adds a key that signs later. While one waits for its time already, that is the answer. */
  rotate(): Promise<{ keyId: string; activateTime: Date }>;
  /** Reads the keys; makes the first one, replaces one that is too old, and drops those that nobody needs any more. */
  refresh(): Promise<void>;
}

interface LoadedKey extends StoredKey {
  publicKey: CryptoKey;
  /** Absent when the seal doesn't open it. */
  privateKey: KeyObject | undefined;
}

export function createKeyRing(options: {
  store: KeyStore;
  seal: Seal;
  schedule: KeySchedule;
  clock: () => Date;
  log: Log;
}): KeyRing {
  const { store, seal, schedule, clock, log } = options;
  let keys: LoadedKey[] = [];

  async function load(stored: StoredKey[]): Promise<void> {
    const known = new Map(keys.map((key) => [key.keyId, key]));
    keys = await Promise.all(stored.map(async (key) => known.get(key.keyId) ?? (await open(key))));
  }

  async function open(key: StoredKey): Promise<LoadedKey> {
    const publicKey = (await importJWK(key.publicJwk, algorithm)) as CryptoKey;
    return { ...key, publicKey, privateKey: openPrivateKey(key) };
  }

  function openPrivateKey(key: StoredKey): KeyObject | undefined {
    try {
      return createPrivateKey(seal.open(key.sealedPrivateKey, key.keyId).toString());
    } catch {
      log.error({ kid: key.keyId }, "this signing key was sealed under another key: it verifies, but can't sign");
      return undefined;
    }
  }

  const unneeded = (stored: StoredKey[]) => {
    const needed = new Set(publishedAt(stored, clock(), schedule));
    return stored.filter((key) => !needed.has(key)).map(({ keyId }) => keyId);
  };

  function changeIf(wanted: (stored: StoredKey[]) => boolean): Promise<StoredKey[]> {
    return store.change(async (stored) => ({
      add: wanted(stored) ? await makeKey(seal, activationOf(stored, clock(), schedule)) : undefined,
      drop: unneeded(stored),
    }));
  }

  const published = () => publishedAt(keys, clock(), schedule);

  return {
    signer() {
      const key = signerAt(keys, clock());
      if (!key?.privateKey)
        throw refuse("signing_key_away", "no signing key is at hand, try again", { retryAfterS: 1 });
      return { keyId: key.keyId, privateKey: key.privateKey };
    },
    verifier: (keyId) => published().find((key) => key.keyId === keyId)?.publicKey,
    jwks() {
      if (keys.length === 0) throw refuse("signing_key_away", "the keys are not loaded yet", { retryAfterS: 1 });
      return { keys: published().map(({ publicJwk }) => publicJwk) };
    },
    async rotate() {
      await load(await changeIf((stored) => !pendingAt(stored, clock())));
      const { keyId, activateTime } = keys.at(-1)!;
      log.info({ kid: keyId, activate_time: activateTime }, "a new signing key is published");
      return { keyId, activateTime };
    },
    async refresh() {
      const wanted = (stored: StoredKey[]) => needsKey(stored, clock(), schedule);
      const stored = await store.list();
      await load(wanted(stored) || unneeded(stored).length > 0 ? await changeIf(wanted) : stored);
    },
  };
}

async function makeKey(seal: Seal, activateTime: Date): Promise<StoredKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const keyId = await calculateJwkThumbprint(jwk);
  return {
    keyId,
    publicJwk: { ...jwk, kid: keyId, alg: algorithm, use: "sig" },
    sealedPrivateKey: seal.close(Buffer.from(await exportPKCS8(privateKey)), keyId),
    activateTime,
  };
}

/** How late a process may learn of a new key, or of one that is dropped. Well under any sensible activation delay. */
const refreshMs = 5_000;

/**
 * Refreshes `ring` again and again once the database is there, also after it was away.
 *
 * @returns `loaded` settles at the first success.
 */
export function keepRefreshing(ring: KeyRing, migrated: Promise<void>, log: Log) {
  const stopping = new AbortController();
  const loaded = Promise.withResolvers<void>();
  async function keep(): Promise<void> {
    await migrated;
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        await ring.refresh();
        loaded.resolve();
        failures = 0;
      } catch (error) {
        log[failures++ === 0 ? "warn" : "debug"](
          { err: (error as Error).message },
          "the signing keys are not refreshed",
        );
      }
      await pause(failures === 0 ? refreshMs : Math.min(250 * failures, refreshMs), stopping.signal);
    }
  }
  void keep();
  return { loaded: loaded.promise, stop: async () => stopping.abort() };
}
