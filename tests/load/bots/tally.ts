import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { nameOf } from "#kit/rpc-tracing.ts";

/** What the players feel, added up over all of them. */
export interface Tally {
  count(what: string, by?: number): void;
  /** One time that something took, in milliseconds. */
  time(what: string, ms: number): void;
  /** A call that was refused or failed. */
  refused(call: string, reason: string): void;
  readonly counts: ReadonlyMap<string, number>;
  readonly times: ReadonlyMap<string, readonly number[]>;
  readonly refusals: ReadonlyMap<string, number>;
}

/** Times kept of one kind; of more every second one is forgotten, and so on. */
const maxTimes = 200_000;

export function createTally(): Tally {
  const counts = new Map<string, number>();
  const times = new Map<string, number[]>();
  const strides = new Map<string, { every: number; seen: number }>();
  const refusals = new Map<string, number>();
  return {
    counts,
    times,
    refusals,
    count: (what, by = 1) => void counts.set(what, (counts.get(what) ?? 0) + by),
    time(what, ms) {
      const list = times.get(what) ?? [];
      const stride = strides.get(what) ?? { every: 1, seen: 0 };
      times.set(what, list);
      strides.set(what, stride);
      if (stride.seen++ % stride.every !== 0) return;
      list.push(ms);
      if (list.length < maxTimes) return;
      stride.every *= 2;
      times.set(
        what,
        list.filter((_, i) => i % 2 === 0),
      );
    },
    refused: (call, reason) => void refusals.set(`${call}: ${reason}`, (refusals.get(`${call}: ${reason}`) ?? 0) + 1),
  };
}

/** Why a call failed: the service's own reason where it gives one, else the code. */
export function reasonOf(thrown: unknown): string {
  const error = ConnectError.from(thrown);
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? nameOf(error.code);
}

/** The value that `share` of them do not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
