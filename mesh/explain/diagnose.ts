import { at } from "./field.ts";
import { sizeOf } from "./limits.ts";
import type { LogLine } from "./log.ts";
import { judgePermission } from "./permissions.ts";
import { ofKind, type Policy, type PolicyObject, patches } from "./policy.ts";
import { findEmptyBucket, isLimited } from "./replay.ts";
import { findRoute, patience, type Route, routeTable } from "./routes.ts";
import { healthChecks, poolBound, ruleOf, serviceOf } from "./upstream.ts";
import type { Refusal } from "./verdict.ts";

/** gRPC's codes as the HTTP statuses for them. */
const httpOf: Record<number, number> = { 3: 400, 4: 504, 7: 403, 8: 429, 12: 404, 13: 500, 14: 503, 16: 401 };

/** The status of a logged call as HTTP has it, also where gRPC hides it in 200, or the end of a Connect stream. */
export function statusOf(line: LogLine): number {
  const { status, grpc_status } = line;
  if (status !== 200) return status;
  if (isLimited(line)) return 429;
  return grpc_status === null ? 200 : (httpOf[grpc_status] ?? (grpc_status === 0 ? 200 : 500));
}

/** Whether an Envoy passed on what it got, and did not answer by itself. */
export const isPassedOn = ({ details }: LogLine): boolean => details === "via_upstream";

/** Who refused a logged call, when it was the Envoy that logged it; undefined when the policy knows nothing of it. */
export function diagnose(policy: Policy, line: LogLine, log: readonly LogLine[]): Refusal | undefined {
  const status = statusOf(line);
  const details = line.details ?? "";
  const flags = line.flags?.split(",") ?? [];
  const token = /^jwt_authn_access_denied\{(.*)\}/.exec(details);
  if (token) return badToken(policy, token[1]!.replaceAll("_", " "));
  if (details.startsWith("rbac_access_denied")) return notPermitted(policy, line);
  if (isLimited(line)) return overLimit(policy, line, log);

  const route = routeOf(policy, line);
  const host = hostOf(line);
  const rule = host === undefined ? undefined : ruleOf(policy, host);
  if (details === "direct_response" && route) {
    const answer = route.http.get("directResponse") ?? route.http;
    const why = `no route leads from ${line.path}`;
    return {
      object: route.object,
      at: answer.position,
      status,
      why,
      remedy: "a path that a VirtualService of the edge routes",
    };
  }
  if (flags.includes("FI") && route)
    return fromRoute(route, "fault", status, "the route injects this fault on purpose", "the route without the fault");
  if (/per_try_timeout/.test(details) && route) {
    const each = route.http.text("retries", "perTryTimeout");
    return fromRoute(
      route,
      "retries",
      status,
      `no try was answered within ${each}, and the retries are used up`,
      `an answer of ${serviceName(host)} within ${each}, or a longer perTryTimeout`,
    );
  }
  if ((flags.includes("UT") || /response_timeout/.test(details)) && route) {
    const { timeout } = patience(route);
    return fromRoute(
      route,
      "timeout",
      status,
      `${serviceName(host)} did not answer within ${timeout}`,
      `an answer within ${timeout}, or a longer timeout`,
    );
  }
  if (flags.includes("SI")) return idle(policy, line, status);
  if (rule && host && flags.includes("UH")) {
    const health = healthChecks(policy, host);
    const where = health ? ` (health check: ${at(health.at)})` : "";
    const outlier = rule.spec?.get("trafficPolicy", "outlierDetection") ?? rule.root;
    const why = `no instance of ${serviceName(host)} is well: health checks or failures in a row took all out`;
    return {
      object: rule,
      at: outlier.position,
      status,
      why,
      remedy: `an instance of ${serviceName(host)} that answers /readyz${where}: npm run status`,
    };
  }
  if (rule && host && flags.includes("UO"))
    return {
      object: rule,
      at: rule.position,
      status,
      why: `too many calls to ${serviceName(host)} at once`,
      remedy: `fewer at once, or more than ${poolBound(policy, host)}`,
    };
  if (rule && host && (flags.includes("UF") || flags.includes("UC"))) {
    const why = `the connection to ${serviceName(host)} (${line.upstream ?? "no address"}) failed${line.upstream_failure ? `: ${line.upstream_failure}` : ""}`;
    const pool = rule.spec?.get("trafficPolicy", "connectionPool") ?? rule.root;
    return { object: rule, at: pool.position, status, why, remedy: `a running ${serviceName(host)}: npm run status` };
  }
  if (
    /path_normalization|underscore|headers_too_large|too_many_headers|absolute_path/.test(details) &&
    policy.meshConfig
  ) {
    const object = policy.meshConfig;
    const key = details.includes("path") ? "pathNormalization" : "defaultConfig";
    return {
      object,
      at: object.spec?.get(key)?.position ?? object.position,
      status,
      why: details.replaceAll("_", " "),
      remedy: "a plain path and plain headers",
    };
  }
  return undefined;
}

const serviceName = (host: string | undefined) => (host ? serviceOf(host) : "the service");

/** The host of the cluster that a call was for: `outbound|8080||chat.game.svc.cluster.local;`. */
const hostOf = ({ upstream_cluster }: LogLine) => /^outbound\|\d+\|[^|]*\|([^;]+)/.exec(upstream_cluster ?? "")?.[1];

function routeOf(policy: Policy, line: LogLine): Route | undefined {
  if (line.workload === "edge") return routeTable(policy, "edge").find(({ name }) => name === line.route);
  const request = {
    method: line.method ?? "",
    path: line.path ?? "",
    query: "",
    headers: new Map<string, string>(),
    client: "",
  };
  return findRoute(routeTable(policy, "mesh", hostOf(line)), request);
}

function fromRoute(route: Route, key: string, status: number, why: string, remedy: string): Refusal {
  return { object: route.object, at: route.http.get(key)?.position ?? route.http.position, status, why, remedy };
}

/** What to do, by what Envoy says of a token. */
const tokenRemedies: [RegExp, string][] = [
  [/expired/, "a new token, by AuthService/RefreshToken"],
  [/not yet valid/, "waiting, or the right time on the machine that signs"],
  [/issuer/, "a token of game-auth-service"],
  [/Audiences/, "a token for the audience game"],
  [/fetch/, "auth, so that the edge can read its keys: npm run status"],
];

function badToken(policy: Policy, says: string): Refusal | undefined {
  const [object] = ofKind(policy, "RequestAuthentication");
  if (!object) return undefined;
  const remedy = tokenRemedies.find(([pattern]) => pattern.test(says))?.[1] ?? "a token that auth signed";
  const status = /Audiences/.test(says) ? 403 : 401;
  return { object, at: object.spec?.get("jwtRules", 0)?.position ?? object.position, status, why: says, remedy };
}

function notPermitted(policy: Policy, line: LogLine): Refusal {
  const edge = line.workload === "edge";
  const app = edge ? "edge" : line.workload.replace(/-\d+$/, "");
  const { method, path } = line;
  const who = edge
    ? line.user_id === null
      ? {}
      : { claims: { iss: "game-auth-service", sub: line.user_id, permissions: [] } }
    : { principal: (line.peer ?? "").replace("spiffe://", "") };
  const finding = judgePermission(policy, app, { method: method ?? "", path: path ?? "", ...who });
  if (!finding.allowed) return { ...finding, status: 403 };
  const object = finding.object ?? closedBy(policy);
  return {
    object,
    at: finding.at ?? object.position,
    status: 403,
    why: "a rule refused it that is there no more",
    remedy: "nothing: by the policy as it is saved now it would pass",
  };
}

const closedBy = (policy: Policy): PolicyObject => {
  const [object] = ofKind(policy, "AuthorizationPolicy");
  if (!object) throw new Error("there is no AuthorizationPolicy in mesh/istio/, and yet a call was refused by one");
  return object;
};

function overLimit(policy: Policy, line: LogLine, log: readonly LogLine[]): Refusal | undefined {
  const bucket = findEmptyBucket(policy, line, log);
  if (!bucket) return undefined;
  const { object, retryAfter } = bucket;
  const wait = (bucket.interval / bucket.fill).toFixed(bucket.interval > bucket.fill ? 0 : 2);
  const later = `a call ${wait} s later (one token), or fewer at once${retryAfter ? `; the answer says retry-after: ${retryAfter}` : ""}`;
  return {
    object,
    at: bucket.at,
    status: 429,
    why: `the bucket is empty: ${sizeOf(bucket)}, ${bucket.whose}`,
    remedy: later,
  };
}

function idle(policy: Policy, line: LogLine, status: number): Refusal | undefined {
  for (const { object, match, value } of patches(policy, "edge", "HTTP_ROUTE")) {
    const timeout = value.get("route", "idle_timeout");
    if (!timeout || match?.text("routeConfiguration", "vhost", "route", "name") !== line.route) continue;
    const why = `nothing was sent for ${timeout.text()}`;
    return { object, at: timeout.position, status, why, remedy: "subscribing again from the last message" };
  }
  return undefined;
}
