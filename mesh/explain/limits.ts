import type { Request } from "./call.ts";
import type { Field, Position } from "./field.ts";
import { type Policy, type PolicyObject, patches } from "./policy.ts";

/** A token bucket that a call takes from. */
export interface Bucket {
  object: PolicyObject;
  at: Position;
  /** Two calls with the same key share the bucket. */
  key: string;
  /** Whose bucket it is, in words. */
  whose: string;
  max: number;
  fill: number;
  /** Of the filling, in seconds. */
  interval: number;
  /** What a refusal says in `retry-after`. */
  retryAfter: string | undefined;
}

type Entry = [key: string, value: string];

/** More than this is no limit. */
const unlimited = 4294967295;

/**
 * The buckets that a call takes from in each rate limit filter of the edge, in the order in which they are asked: filter by filter,
 * and in each the strictest first.
 */
export function bucketsOf(policy: Policy, route: string, request: Request): Bucket[] {
  return limitFilters(policy).flatMap(({ object, config }) => {
    const retryAfter = config
      .items("response_headers_to_add")
      .find((added) => added.text("header", "key") === "retry-after")
      ?.text("header", "value");
    const found: Bucket[] = [];
    const add = (bucket: Field | undefined, key: string, whose: string) => {
      const max = bucket?.number("max_tokens");
      if (!bucket || max === undefined || max >= unlimited) return;
      const { position } = bucket.get("max_tokens")!;
      const fill = bucket.number("tokens_per_fill") ?? 1;
      const interval = seconds(bucket.text("fill_interval"));
      found.push({
        object,
        at: position,
        key: `${config.text("stat_prefix")} ${key}`,
        whose,
        max,
        fill,
        interval,
        retryAfter,
      });
    };
    for (const limit of config.items("rate_limits")) {
      const entries = describe(limit.items("actions"), route, request);
      if (!entries) continue;
      for (const descriptor of config.items("descriptors"))
        if (fits(descriptor.items("entries"), entries))
          add(descriptor.get("token_bucket"), JSON.stringify(entries), whoseIs(entries));
    }
    found.sort((one, other) => one.fill / one.interval - other.fill / other.interval);
    if (config.text("always_consume_default_token_bucket") !== "false" || found.length === 0)
      add(config.get("token_bucket"), "all", "the whole edge");
    return found;
  });
}

function limitFilters(policy: Policy): { object: PolicyObject; config: Field }[] {
  return patches(policy, "edge", "HTTP_FILTER").flatMap(({ object, value }) => {
    const config = value.get("typed_config");
    return config?.text("@type")?.endsWith(".LocalRateLimit") ? [{ object, config }] : [];
  });
}

/** What a list of actions makes of a call; undefined when one of them has nothing to say: then there is no descriptor. */
function describe(actions: Field[], route: string, request: Request): Entry[] | undefined {
  const entries: Entry[] = [];
  for (const action of actions) {
    const [[kind, field] = []] = action.entries();
    const entry = kind && field ? describeOne(kind, field, route, request) : undefined;
    if (!entry) return undefined;
    entries.push(entry);
  }
  return entries;
}

function describeOne(kind: string, field: Field, route: string, request: Request): Entry | undefined {
  const key = field.text("descriptor_key");
  if (kind === "remote_address") return ["remote_address", request.client];
  if (kind === "generic_key")
    return [key ?? "generic_key", (field.text("descriptor_value") ?? "").replaceAll("%ROUTE_NAME%", route)];
  if (kind === "request_headers") {
    const value = request.headers.get(field.text("header_name")?.toLowerCase() ?? "");
    return value === undefined ? undefined : [key ?? "", value];
  }
  if (kind === "header_value_match") {
    const path: [string, string] = [":path", request.path + request.query];
    const headers = new Map([...request.headers, path]);
    const fitting = field.items("headers").every((header) => fitsHeader(header, headers));
    const expected = field.text("expect_match") !== "false";
    return fitting === expected ? [key ?? "header_match", field.text("descriptor_value") ?? ""] : undefined;
  }
  return undefined;
}

/** Envoy's HeaderMatcher, as far as the policy uses it. */
export function fitsHeader(matcher: Field, headers: ReadonlyMap<string, string>): boolean {
  const present = headers.get(matcher.text("name")?.toLowerCase() ?? "");
  const value = present ?? (matcher.text("treat_missing_header_as_empty") === "true" ? "" : undefined);
  const invert = matcher.text("invert_match") === "true";
  const wanted = matcher.get("string_match");
  if (!wanted) return ((present !== undefined) === ((matcher.text("present_match") ?? "true") === "true")) !== invert;
  if (value === undefined) return false;
  const [exact, prefix, contains] = [wanted.text("exact"), wanted.text("prefix"), wanted.text("contains")];
  const fitting =
    exact !== undefined
      ? value === exact
      : prefix !== undefined
        ? value.startsWith(prefix)
        : value.includes(contains ?? "");
  return fitting !== invert;
}

function fits(wanted: Field[], entries: Entry[]): boolean {
  return (
    wanted.length === entries.length &&
    wanted.every((entry, index) => {
      const [key, value] = entries[index]!;
      return entry.text("key") === key && (entry.text("value") ?? value) === value;
    })
  );
}

function whoseIs(entries: Entry[]): string {
  const found = new Map(entries);
  const user = found.get("user");
  const who =
    user && user !== "none"
      ? `user ${user}`
      : found.has("remote_address")
        ? `address ${found.get("remote_address")}`
        : "all callers";
  const endpoint = [...found].find(([key]) => key.endsWith("endpoint"))?.[1];
  return endpoint ? `${who} at ${endpoint}` : `${who}, all endpoints`;
}

/** `max_tokens 20, then 10 every 1 s`, in words. */
export const sizeOf = ({ max, fill, interval }: Bucket): string => `${max}, then ${fill} per ${interval} s`;

/** Seconds in a protobuf duration or one of Istio's: `0.5s`, `2m`. */
export function seconds(text: string | undefined): number {
  const [, amount, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(text ?? "") ?? [];
  const factor = { ms: 0.001, s: 1, m: 60, h: 3600 }[unit ?? "s"] ?? 1;
  return Number(amount ?? 0) * factor;
}
