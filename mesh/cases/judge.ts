import type { IncomingHttpHeaders } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { workload } from "../local/topology.ts";
import type { Answer } from "./call.ts";
import type { Received } from "./echo.ts";
import type { Expectation, HeaderValue, Range, Step } from "./format.ts";

/** One call that was made. */
export interface Outcome {
  /** Undefined: the connection ended. */
  answer: Answer | undefined;
  /** What reached the services, try by try. */
  received: Received[];
  /** When it was made, in seconds of the process. */
  startedAt: number;
  seconds: number;
}

/** Code of Connect, its number in gRPC, and the HTTP status for it. */
const codes: [code: string, grpc: number, http: number][] = [
  ...([
    ["invalid_argument", 3, 400],
    ["deadline_exceeded", 4, 504],
    ["permission_denied", 7, 403],
  ] as const),
  ...([
    ["resource_exhausted", 8, 429],
    ["unimplemented", 12, 404],
    ["internal", 13, 500],
  ] as const),
  ...([
    ["unavailable", 14, 503],
    ["unauthenticated", 16, 401],
  ] as const),
].map((entry) => [...entry]);

const httpOf = (code: string) => codes.find(([name]) => name === code)?.[2] ?? 500;

/** The error that ends a Connect stream: a frame of its own, marked 2, with the length of the JSON in it. */
function streamError({ headers, body }: Answer): { code: string; message?: unknown } | undefined {
  if (!headers["content-type"]?.startsWith("application/connect+") || body[0] !== 2) return undefined;
  if (body.length !== 5 + body.readUInt32BE(1)) return undefined;
  return JSON.parse(body.toString("utf8", 5)).error;
}

const isGrpc = (step: Step) => step.protocol.startsWith("grpc");

/** The status that the call has in HTTP, whatever its protocol. */
export function statusOf(step: Step, answer: Answer): number {
  if (answer.status !== 200) return answer.status;
  if (!isGrpc(step)) {
    const error = streamError(answer);
    return error ? httpOf(error.code) : 200;
  }
  const number = Number(answer.headers["grpc-status"] ?? answer.trailers["grpc-status"] ?? 0);
  return number === 0 ? 200 : (codes.find(([, grpc]) => grpc === number)?.[2] ?? 500);
}

/**
 * What differs from what is expected, in words; empty when all holds. `plain` takes out of a text what made its users unique, and
 * `before` is what came of the steps before.
 */
export function differences(
  step: Step,
  outcomes: Outcome[],
  plain: (text: string) => string,
  before: Outcome[] = [],
): string[] {
  const { expect } = step;
  const found: string[] = [];
  if (expect.connection === "refused")
    return outcomes.every(({ answer }) => !answer) ? [] : ["expected no connection, but there is an answer"];
  const answered = outcomes.filter(({ answer }) => answer !== undefined);
  if (answered.length < outcomes.length)
    found.push(`${outcomes.length - answered.length} of ${outcomes.length} calls had no answer: the connection ended`);
  if (expect.answers)
    found.push(...tally("answers", expect.answers, answered, ({ answer }) => statusOf(step, answer!)));
  if (expect.bucket)
    found.push(...tokens(step, expect.bucket, expect.bucket.shared ? [...before, ...answered] : answered));
  // with a tally, the rest is said of the answers of one status
  const judged =
    expect.answers || expect.bucket
      ? answered.filter(({ answer }) => statusOf(step, answer!) === expect.status)
      : answered;
  if (expect.workloads) {
    const reached = judged.flatMap(({ received }) => received);
    found.push(...tally("workloads", expect.workloads, reached, ({ upstream }) => upstream));
  }
  for (const outcome of judged) {
    const wrong = differencesOf(step, expect, outcome, plain);
    if (wrong.length > 0) return [...found, ...wrong];
  }
  return found;
}

function differencesOf(
  step: Step,
  expect: Expectation,
  { answer, received, seconds }: Outcome,
  plain: (text: string) => string,
) {
  const found: string[] = [];
  const differs = (what: string, expected: unknown, actual: unknown) =>
    found.push(`${what}: expected ${show(expected)}, got ${show(actual)}`);
  const { headers, body } = answer!;
  const status = statusOf(step, answer!);
  const text = plain(body.toString("latin1")).slice(0, 300);
  if (expect.status !== undefined && status !== expect.status) differs("status", expect.status, `${status} ${text}`);
  if (expect.code !== undefined) {
    const malformed = isGrpc(step) ? malformedGrpc(step, answer!, expect.code) : malformedJson(answer!, expect.code);
    if (malformed) differs("code", expect.code, malformed);
  }
  if (expect.body !== undefined && !body.toString().includes(expect.body)) differs("body", expect.body, text);
  compareHeaders("header", expect.headers, headers, plain, differs);
  const last = received.at(-1);
  if (expect.upstream !== undefined) {
    const service = last && workload(last.upstream).service;
    if (service !== expect.upstream) differs("upstream", expect.upstream, service ?? "none");
  }
  if (expect.attempts !== undefined && received.length !== expect.attempts)
    differs("attempts", expect.attempts, received.length);
  if (expect.seen) {
    if (expect.seen.path !== undefined && last?.path !== expect.seen.path)
      differs("seen path", expect.seen.path, last?.path);
    compareHeaders("seen header", expect.seen.headers, last?.headers ?? {}, plain, differs);
  }
  if (expect.seconds && (seconds < expect.seconds.from || seconds > expect.seconds.to))
    differs("seconds", showRange(expect.seconds), seconds.toFixed(2));
  return found;
}

/** An error as Connect writes it, for a call or at the end of a stream; else what is there instead. */
function malformedJson(answer: Answer, code: string): string | undefined {
  const ending = streamError(answer);
  if (ending) return ending.code === code && ending.message ? undefined : JSON.stringify(ending);
  const type = answer.headers["content-type"];
  if (type !== "application/json") return `content-type ${type}`;
  let error: Record<string, unknown>;
  try {
    error = answer.json() as Record<string, unknown>;
  } catch {
    return `no JSON: ${answer.body.toString().slice(0, 200)}`;
  }
  const fits = error.code === code && typeof error.message === "string" && Object.keys(error).length === 2;
  return fits ? undefined : JSON.stringify(error);
}

/** An error as gRPC writes it: HTTP 200, no body, all in the headers. */
function malformedGrpc(step: Step, answer: Answer, code: string): string | undefined {
  const type = step.protocol === "grpc" ? "application/grpc" : "application/grpc-web+proto";
  const { "content-type": actual, "grpc-status": number, "grpc-message": message } = answer.headers;
  const expected = codes.find(([name]) => name === code)?.[1];
  const fits =
    answer.status === 200 && actual === type && answer.body.length === 0 && message && Number(number) === expected;
  return fits
    ? undefined
    : `HTTP ${answer.status}, ${actual}, grpc-status ${number}, grpc-message ${message}, ${answer.body.length} bytes`;
}

function compareHeaders(
  what: string,
  expected: Map<string, HeaderValue>,
  actual: IncomingHttpHeaders | Record<string, string>,
  plain: (text: string) => string,
  differs: (what: string, expected: unknown, actual: unknown) => void,
) {
  for (const [name, wanted] of expected) {
    const value = actual[name] === undefined ? undefined : plain(String(actual[name]));
    const fits =
      wanted === null ? value === undefined : wanted instanceof RegExp ? wanted.test(value ?? "") : value === wanted;
    if (!fits) differs(`${what} ${name}`, wanted, value);
  }
}

function tally<T, K>(what: string, expected: Map<K, Range>, items: T[], keyOf: (item: T) => K): string[] {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  const fits =
    [...expected].every(([key, { from, to }]) => (counts.get(key) ?? 0) >= from && (counts.get(key) ?? 0) <= to) &&
    [...counts.keys()].every((key) => expected.has(key));
  const wanted = new Map([...expected].map(([key, range]) => [key, showRange(range)]));
  return fits || isDeepStrictEqual(expected, counts)
    ? []
    : [`${what}: expected ${showMap(wanted)}, got ${showMap(counts)}`];
}

/** How many passed, against a bucket that fills while the calls are made. */
function tokens(step: Step, { size, perSecond }: { size: number; perSecond: number }, outcomes: Outcome[]): string[] {
  const start = Math.min(...outcomes.map(({ startedAt }) => startedAt));
  const end = Math.max(...outcomes.map(({ startedAt, seconds }) => startedAt + seconds));
  const passed = outcomes.filter(({ answer }) => statusOf(step, answer!) === 200).length;
  const over = outcomes.filter(({ answer }) => statusOf(step, answer!) === 429).length;
  const refilled = (end - start) * perSecond;
  // what a full bucket would get is lost, and a burst may be over before it gets anything
  const from = size;
  const to = Math.ceil(size + refilled * 1.02) + 2;
  const others = outcomes.length - passed - over;
  if (others > 0) return [`bucket: ${others} calls neither passed nor were over the limit`];
  return passed >= Math.min(from, outcomes.length) && passed <= to
    ? []
    : [
        `bucket: expected ${from} to ${to} of ${outcomes.length} calls to pass in ${(end - start).toFixed(2)} s, got ${passed}`,
      ];
}

const showRange = ({ from, to }: Range) => (from === to ? String(from) : `${from} to ${to}`);
const showMap = (map: Map<unknown, unknown>) =>
  `{ ${[...map]
    .map(([key, value]) => `${key}: ${value}`)
    .sort()
    .join(", ")} }`;
const show = (value: unknown) => (value === null || value === undefined ? "none" : String(value));
