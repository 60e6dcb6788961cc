import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Account } from "../../support/players.ts";

/** Who the bots are. Kept in a file, the next run goes on with their sessions, and nobody waits for passwords to be hashed. */
export interface Accounts {
  /** Takes one of the run before out: a session is gone on with once. */
  take(): Account | undefined;
  keep(account: Account): void;
  save(): void;
}

/** @param file holds them; without one they are forgotten. */
export function openAccounts(file: string | undefined): Accounts {
  const before = file ? readAccounts(file) : [];
  const now: Account[] = [];
  return {
    take: () => before.shift(),
    keep: ({ userId, username, password, refreshToken }) => void now.push({ userId, username, password, refreshToken }),
    save() {
      if (!file) return;
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify([...now, ...before]), { mode: 0o600 });
    },
  };
}

function readAccounts(file: string): Account[] {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // None yet.
    return [];
  }
}
