import { type Bucket, bucketsOf } from "./limits.ts";
import type { LogLine } from "./log.ts";
import type { Policy } from "./policy.ts";

/** Seconds of log that decide what a bucket holds: the slowest one is full again by then. */
const memory = 600;

/** Whether the edge's rate limits refused this call. */
export const isLimited = ({ flags, details }: LogLine): boolean =>
  flags?.split(",").includes("RL") === true || /rate_limited/.test(details ?? "");

/** The buckets that a logged call of the edge was asked for. */
export function bucketsOfLine(policy: Policy, line: LogLine): Bucket[] {
  const headers = new Map<string, string>();
  if (line.user_id !== null) headers.set("x-user-id", line.user_id);
  const client = (line.client ?? "").replace(/:\d+$/, "");
  const request = { method: line.method ?? "", path: line.path ?? "", query: "", headers, client };
  return bucketsOf(policy, line.route ?? "", request);
}

/**
 * The bucket that refused `line`, found by doing again with model buckets what the log says was done before it. The log does not name
 * it. Undefined when no bucket applies to the call.
 */
export function findEmptyBucket(policy: Policy, line: LogLine, log: readonly LogLine[]): Bucket | undefined {
  const end = Date.parse(line.time);
  const before = log
    .filter((other) => other.workload === "edge" && other !== line && !isLimited(other) && reachedLimits(other))
    .filter(({ time }) => Date.parse(time) <= end && Date.parse(time) > end - memory * 1000)
    .sort((one, other) => Date.parse(one.time) - Date.parse(other.time));
  const levels = new Map<string, { tokens: number; at: number }>();
  const level = ({ key, max, fill, interval }: Bucket, now: number) => {
    const { tokens, at } = levels.get(key) ?? { tokens: max, at: now };
    return Math.min(max, tokens + (((now - at) / 1000) * fill) / interval);
  };
  for (const other of before) {
    const now = Date.parse(other.time);
    for (const bucket of bucketsOfLine(policy, other))
      levels.set(bucket.key, { tokens: Math.max(0, level(bucket, now) - 1), at: now });
  }
  const asked = bucketsOfLine(policy, line).map((bucket) => ({ bucket, tokens: level(bucket, end) }));
  const empty = asked.find(({ tokens }) => tokens < 1);
  return (empty ?? asked.sort((one, other) => one.tokens / one.bucket.max - other.tokens / other.bucket.max)[0])
    ?.bucket;
}

const reachedLimits = ({ details }: LogLine) => !/^(rbac_|jwt_authn|path_normalization)/.test(details ?? "");
