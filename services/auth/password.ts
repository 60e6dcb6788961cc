import { hash, type Options, verify } from "@node-rs/argon2";
import type { Gate } from "./gate.ts";

/** OWASP's choice for argon2id: 19 MiB, two passes, one lane. */
const cost: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export interface Passwords {
  /** @returns an argon2id PHC string. @throws GateFullError */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether `password` is the one of `stored`. Takes as long when there is nothing stored, so that the time tells nobody which
   * usernames exist.
   *
   * @throws GateFullError
   */
  matches(password: string, stored: string | undefined, signal?: AbortSignal): Promise<boolean>;
}

/** Hashes passwords, as many at once as `gate` lets: each takes a processor for some 30 ms and 19 MiB. */
export function createPasswords(gate: Gate): Passwords {
  const nobodys = hash("nobody's password", cost);
  return {
    hash: (password, signal) => gate(() => hash(plain(password), cost), signal),
    matches: (password, stored, signal) =>
      gate(async () => {
        const same = await verify(stored ?? (await nobodys), plain(password));
        return same && stored !== undefined;
      }, signal),
  };
}

/** The same characters can be typed in several ways. */
const plain = (password: string) => password.normalize("NFKC");
