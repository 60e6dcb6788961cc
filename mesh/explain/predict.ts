import type { Case, Step } from "../cases/format.ts";
import { hostOf, sidecars } from "../local/topology.ts";
import { callOf } from "./case-call.ts";
import { evaluate } from "./evaluate.ts";
import { type Bucket, seconds } from "./limits.ts";
import { judgePermission } from "./permissions.ts";
import { ofKind, type Policy, type PolicyObject } from "./policy.ts";
import { codes } from "./replies.ts";
import { findRoute, patience, type Route, routeTable } from "./routes.ts";
import { hostsOf, ruleOf } from "./upstream.ts";
import type { Verdict } from "./verdict.ts";

/** What the model expects of the calls of a step. */
export interface Prediction {
  /** How many calls get which status, as HTTP has it also for gRPC. -1: the connection ends. */
  answers: Map<number, number>;
  /** The code of the refusals. */
  code?: string;
  refusedBy?: PolicyObject;
  upstream?: string;
  upstreamPath?: string;
  /** How often the last call reaches a service. */
  attempts: number;
  /** After which the policy ends a call that nobody answers. */
  seconds?: number;
  /** Of the bucket that refuses: how many tokens it gets in a second. */
  perSecond?: number;
}

/** gRPC's codes as HTTP statuses. */
const statuses: Record<string, number> = {
  ...{ ok: 200, invalid_argument: 400, deadline_exceeded: 504, permission_denied: 403, resource_exhausted: 429 },
  ...{ unimplemented: 404, internal: 500, unavailable: 503, unauthenticated: 401 },
};

/** What carries over from step to step. */
interface State {
  /** Bucket key -> tokens taken. */
  taken: Map<string, number>;
  /** Service -> failures in a row. */
  failures: Map<string, number>;
  away: string[];
}

/** What comes of the steps of a case by the model, as if all of it happened in one instant. */
export function predict(policy: Policy, subject: Case): Prediction[] {
  const state: State = { taken: new Map(), failures: new Map(), away: subject.while };
  return subject.steps.map((step) => predictStep(policy, step, state));
}

function predictStep(policy: Policy, step: Step, state: State): Prediction {
  if (step.from !== undefined || step.certificate !== undefined) return predictInternal(policy, step);
  const prediction: Prediction = { answers: new Map(), attempts: 0 };
  if (step.tls !== undefined && !speaks(policy, step.tls))
    return { answers: new Map([[-1, step.repeat]]), attempts: 0 };
  const paths = [step.path, ...step.inTurn];
  const verdicts = new Map<string, Verdict>();
  for (let count = 0; count < step.repeat * step.users; count++) {
    const [path, user] = [paths[count % paths.length]!, count % step.users];
    // the same call is judged the same: only its buckets change
    const verdict = verdicts.get(`${user} ${path}`) ?? evaluate(policy, callOf(step, path, user));
    verdicts.set(`${user} ${path}`, verdict);
    const one = settle(policy, step, verdict, state);
    prediction.answers.set(one.status, (prediction.answers.get(one.status) ?? 0) + 1);
    prediction.attempts = one.attempts;
    if (one.refusedBy) prediction.refusedBy = one.refusedBy;
    if (one.code !== undefined) prediction.code = one.code;
    if (one.seconds !== undefined) prediction.seconds = one.seconds;
    if (one.perSecond !== undefined) prediction.perSecond = one.perSecond;
    if (verdict.upstream !== undefined && one.attempts > 0) prediction.upstream = verdict.upstream;
    if (verdict.upstreamPath !== undefined) prediction.upstreamPath = verdict.upstreamPath;
  }
  return prediction;
}

/** Whether the edge's TLS port takes this version. */
function speaks(policy: Policy, version: string): boolean {
  const servers = ofKind(policy, "Gateway").flatMap(({ spec }) => spec?.items("servers") ?? []);
  const tls = servers.map((server) => server.get("tls")).find((one) => one !== undefined);
  const bound = (key: string, otherwise: string) => (tls?.text(key) ?? otherwise).replace("TLSV", "").replace("_", ".");
  return version >= bound("minProtocolVersion", "1.2") && version <= bound("maxProtocolVersion", "1.3");
}

interface One {
  status: number;
  attempts: number;
  code?: string;
  refusedBy?: PolicyObject;
  seconds?: number;
  perSecond?: number;
}

function settle(policy: Policy, step: Step, verdict: Verdict, state: State): One {
  const { refusal, code } = verdict;
  if (refusal) {
    const status = code !== undefined && verdict.status === 200 ? statuses[code] : verdict.status;
    return { status: status ?? -1, attempts: 0, refusedBy: refusal.object, ...(code !== undefined && { code }) };
  }
  const empty = takeTokens(verdict.buckets, state.taken);
  if (empty) {
    const perSecond = empty.fill / empty.interval;
    return { status: 429, attempts: 0, code: "resource_exhausted", refusedBy: empty.object, perSecond };
  }
  const { upstream, route } = verdict;
  if (upstream === undefined || !route) return { status: verdict.status ?? 200, attempts: 0 };

  const rule = ruleOf(policy, hostOf(upstream));
  const bound = rule?.spec?.number("trafficPolicy", "outlierDetection", "consecutiveGatewayErrors");
  const failures = state.failures.get(upstream) ?? 0;
  const places = sidecars.filter(({ service }) => service === upstream);
  const closed = bound !== undefined && bound > 0 && failures >= bound * places.length;
  if (closed || places.every(({ name }) => state.away.includes(name)))
    return { status: 503, attempts: 0, code: "unavailable", ...(rule && { refusedBy: rule }) };
  if (step.upstream?.hangs) {
    const limited = patience(route).timeout !== "none";
    if (!limited) return { status: -1, attempts: 1 };
    const waited = { seconds: longestWait(route) };
    return { status: 504, attempts: triesOf(route), code: "deadline_exceeded", refusedBy: route.object, ...waited };
  }
  const status = step.upstream?.answers ?? 200;
  const gateway = status >= 502 && status <= 504;
  const attempts = gateway ? triesOf(route) : 1;
  state.failures.set(upstream, gateway ? failures + attempts : 0);
  return { status, attempts };
}

/** How often a call is tried whose service fails, or does not answer within the time of a try. */
function triesOf(route: Route): number {
  const on = route.http.text("retries", "retryOn")?.split(",") ?? [];
  const again = on.some((condition) => condition === "gateway-error" || condition === "5xx");
  return again ? 1 + (route.http.number("retries", "attempts") ?? 0) : 1;
}

/** Seconds that a call waits for a service that never answers: its timeout, or all its tries when they end before. */
function longestWait(route: Route): number {
  const total = seconds(route.http.text("timeout"));
  const each = seconds(route.http.text("retries", "perTryTimeout"));
  const tries = triesOf(route);
  return each > 0 && (total === 0 || each * tries < total) ? each * tries : total;
}

/** Takes a token from each bucket; the one that has none left ends it, and those after it are not asked. */
function takeTokens(buckets: readonly Bucket[], taken: Map<string, number>): Bucket | undefined {
  const empty = buckets.find(({ key, max }) => (taken.get(key) ?? 0) >= max);
  if (!empty) for (const { key } of buckets) taken.set(key, (taken.get(key) ?? 0) + 1);
  return empty;
}

/** A call between services: who calls is known by its certificate. */
function predictInternal(policy: Policy, step: Step): Prediction {
  const caller = sidecars.find(({ name }) => name === step.from)?.service ?? step.certificate ?? "";
  const strangers = ["in-clear", "none", "foreign"];
  const strict = ofKind(policy, "PeerAuthentication").some(({ spec }) => spec?.text("mtls", "mode") === "STRICT");
  // in clear is a matter of the policy; a certificate that nobody trusts never is
  if (strangers.includes(caller) && (strict || caller !== "in-clear"))
    return { answers: new Map([[-1, 1]]), attempts: 0 };
  const [path = ""] = step.path.split("?");
  // whoever may call nobody has an Envoy that takes no calls out
  const hosts = step.from === undefined ? undefined : hostsOf(policy, caller);
  if (hosts?.length === 0) return { answers: new Map([[-1, 1]]), attempts: 0 };
  const isNamed = hosts === undefined || hosts.some((host) => host === "*" || host === hostOf(step.to));
  if (!isNamed || !sidecars.some(({ service }) => service === step.to))
    return { answers: new Map([[502, 1]]), attempts: 0 };
  const principal = caller === "in-clear" ? {} : { principal: `cluster.local/ns/game/sa/${caller}` };
  const finding = judgePermission(policy, step.to, { method: step.method, path, ...principal });
  if (!finding.allowed)
    return { answers: new Map([[403, 1]]), attempts: 0, code: codes[7]!, refusedBy: finding.object };
  const headers = new Map<string, string>();
  const request = { method: step.method, path, query: "", headers, client: "" };
  const route = step.from === undefined ? undefined : findRoute(routeTable(policy, "mesh", hostOf(step.to)), request);
  const tries = route ? triesOf(route) : 1;
  const reached = { upstream: step.to, upstreamPath: step.path };
  if (step.upstream?.hangs && route)
    return {
      ...reached,
      answers: new Map([[504, 1]]),
      attempts: tries,
      code: "deadline_exceeded",
      refusedBy: route.object,
      seconds: longestWait(route),
    };
  const status = step.upstream?.answers ?? 200;
  return { ...reached, answers: new Map([[status, 1]]), attempts: status >= 502 ? tries : 1 };
}
