import { admit } from "./admission.ts";
import type { Call, Request } from "./call.ts";
import { judgeCors } from "./cors.ts";
import type { Position } from "./field.ts";
import { bucketsOf, sizeOf } from "./limits.ts";
import { judgePermission } from "./permissions.ts";
import { type Policy, patches } from "./policy.ts";
import { mapReply } from "./replies.ts";
import { destinations, findRoute, patience, type Route, rewrite, routeTable } from "./routes.ts";
import { judgeToken } from "./token.ts";
import { describeUpstream, judgeCaller, serviceOf } from "./upstream.ts";
import type { Line, Refusal, Verdict } from "./verdict.ts";

/**
 * What the policy makes of a call, in the order in which the edge judges: connection, route, CORS, token, permission, faults, limits,
 * the route's own answer, and then the sidecar of the service. Nothing is sent. Buckets are taken to be full.
 */
export function evaluate(policy: Policy, call: Call, now?: number): Verdict {
  const verdict: Verdict = { lines: [], buckets: [] };
  const admission = admit(policy, call);
  verdict.lines.push(...admission.lines);
  if ("redirect" in admission) {
    // a gRPC client is shown no redirect
    const { status, code } = mapReply(policy, 307, call.headers);
    return { ...verdict, status, ...(code !== undefined && { code }) };
  }
  if ("refusal" in admission) return refused(policy, verdict, admission.refusal, call.headers, admission.reset);
  const { request } = admission;

  const route = findRoute(routeTable(policy, "edge"), request);
  if (!route) throw new Error("no route of the edge fits, not even a last one for all: add it to its VirtualService");
  verdict.route = route;
  verdict.lines.push({ topic: "route", says: route.name, mark: "info", at: route.at });
  const answer = route.http.get("directResponse");

  const cors = answer ? undefined : judgeCors(policy, request);
  if (cors) {
    const origin = request.headers.get("origin");
    const says = cors.allowed
      ? `a page of ${origin} may read the answer`
      : `a page of ${origin} may not read the answer`;
    verdict.lines.push({ topic: "cors", says, mark: cors.allowed ? "pass" : "info", at: cors.at });
    if (cors.preflight) {
      verdict.lines.push({ topic: "answer", says: "the edge answers the preflight", mark: "pass", at: cors.at });
      return { ...verdict, status: 200 };
    }
  }

  const refusal = guard(policy, call, request, route, verdict, now);
  if (refusal) return refused(policy, verdict, refusal, request.headers);

  if (answer) {
    const status = answer.number("status") ?? 200;
    const mark = status < 400 ? "pass" : "refuse";
    verdict.lines.push({ topic: "answer", says: `the edge itself answers ${status}`, mark, at: answer.position });
    if (status < 400) return { ...verdict, status };
    const remedy = `a path that a VirtualService of the edge routes`;
    const why = status === 404 ? `no route leads from ${request.path}` : `the route answers ${status} by itself`;
    return refused(
      policy,
      verdict,
      { object: route.object, at: answer.position, status, why, remedy },
      request.headers,
    );
  }
  return forward(policy, request, route, verdict);
}

/** Token, permission, faults and limits. */
function guard(
  policy: Policy,
  call: Call,
  request: Request,
  route: Route,
  verdict: Verdict,
  now?: number,
): Refusal | undefined {
  const { lines } = verdict;
  // a preflight that was handed on carries no token
  const preflight =
    request.method === "OPTIONS" &&
    request.headers.has("origin") &&
    request.headers.has("access-control-request-method");
  const token = preflight ? ({ kind: "none" } as const) : judgeToken(policy, request, call, now);
  if (token.kind === "bad") {
    lines.push({ topic: "token", says: token.why, mark: "refuse", at: token.at });
    return token;
  }
  if (token.kind === "none") lines.push({ topic: "token", says: "none", mark: "info" });
  else {
    const who = request.headers.get("x-user-id");
    if (who !== undefined) verdict.user = who;
    const says = token.unchecked ? `of ${who}, taken as good: its signature was not checked` : `good, of ${who}`;
    lines.push({ topic: "token", says, mark: "pass", at: token.at });
  }

  const free = freeOfPermissions(policy, route);
  if (free) lines.push({ topic: "permission", says: "none needed on this route", mark: "pass", at: free });
  else {
    const claims = token.kind === "good" ? { claims: token.claims } : {};
    const finding = judgePermission(policy, "edge", { method: request.method, path: request.path, ...claims });
    const line: Line = { topic: "permission", says: finding.why, mark: finding.allowed ? "pass" : "refuse" };
    lines.push(finding.at ? { ...line, at: finding.at } : line);
    if (!finding.allowed) return { ...finding, status: 403 };
  }

  const fault = faultOf(route);
  if (fault) lines.push(...fault.lines);
  if (fault?.refusal) return fault.refusal;

  verdict.buckets = bucketsOf(policy, route.name, request);
  for (const bucket of verdict.buckets) {
    const mark = bucket.max < 1 ? "refuse" : "info";
    lines.push({ topic: "limit", says: `${sizeOf(bucket)}: ${bucket.whose}`, mark, at: bucket.at });
    if (bucket.max < 1)
      return { ...bucket, status: 429, why: "the bucket is always empty", remedy: "a bucket that holds a token" };
  }
  return undefined;
}

/** The patch that switches the permissions off for this route, if one does. */
function freeOfPermissions(policy: Policy, { name }: Route): Position | undefined {
  for (const { match, value } of patches(policy, "edge", "HTTP_ROUTE")) {
    const wanted = match?.text("routeConfiguration", "vhost", "route", "name");
    const rbac = value.get("typed_per_filter_config", "envoy.filters.http.rbac");
    if ((wanted === undefined || wanted === name) && rbac && !rbac.get("rbac")) return rbac.position;
  }
  return undefined;
}

/** The faults that a route injects on purpose. */
function faultOf(route: Route): { lines: Line[]; refusal?: Refusal } | undefined {
  const [delay, abort] = [route.http.get("fault", "delay"), route.http.get("fault", "abort")];
  const lines: Line[] = [];
  const share = (fault: typeof delay) => fault?.number("percentage", "value") ?? 100;
  if (delay)
    lines.push({
      ...{ topic: "fault", mark: "info", at: delay.position },
      says: `${share(delay)} % of the calls wait ${delay.text("fixedDelay")}`,
    });
  if (!abort) return lines.length > 0 ? { lines } : undefined;
  const status = abort.number("httpStatus") ?? 503;
  const always = share(abort) >= 100;
  lines.push({
    ...{ topic: "fault", mark: always ? "refuse" : "info", at: abort.position },
    says: `${share(abort)} % of the calls are answered ${abort.text("httpStatus") ?? abort.text("grpcStatus")} on purpose`,
  });
  const why = "the route injects this fault into every call";
  const refusal = { object: route.object, at: abort.position, status, why, remedy: "the route without the fault" };
  return always ? { lines, refusal } : { lines };
}

/** What becomes of a call that the edge lets through. */
function forward(policy: Policy, request: Request, route: Route, verdict: Verdict): Verdict {
  const { lines } = verdict;
  const { path, at } = rewrite(route, request.path);
  if (at && path !== request.path) lines.push({ topic: "rewrite", says: path, mark: "info", at });
  const places = destinations(route).filter(({ weight }) => weight > 0);
  if (places.length === 0)
    throw new Error(`${route.at.file}:${route.at.line}: the route leads nowhere and answers nothing`);
  for (const place of places) {
    const share = places.length > 1 ? `${place.weight} % to ` : "";
    lines.push({
      topic: "upstream",
      says: `${share}${place.host}${place.subset ? `, ${place.subset}` : ""}`,
      mark: "info",
      at: place.at,
    });
  }
  const mirror = route.http.get("mirror");
  if (mirror)
    lines.push({ topic: "mirror", says: `a copy goes to ${mirror.text("host")}`, mark: "info", at: mirror.position });
  const { timeout, retries, timeoutAt, retriesAt } = patience(route);
  lines.push({ topic: "timeout", says: timeout, mark: "info", at: timeoutAt ?? route.http.position });
  lines.push({ topic: "retries", says: retries, mark: "info", at: retriesAt ?? route.http.position });
  const { host } = places[0]!;
  lines.push(...describeUpstream(policy, host));

  const service = serviceOf(host);
  const { line, refusal } = judgeCaller(policy, service, request.method, path);
  lines.push(line);
  const reached = { ...verdict, upstream: service, upstreamPath: path + request.query };
  if (!refusal) return reached;
  // a sidecar's answer is not the edge's own: the edge passes it on
  return { ...refused(policy, reached, refusal, new Map([...request.headers, ["x-user-id", ""]])) };
}

function refused(
  policy: Policy,
  verdict: Verdict,
  refusal: Refusal,
  headers: ReadonlyMap<string, string>,
  reset = false,
): Verdict {
  if (reset) return { ...verdict, refusal };
  const { status, code } = mapReply(policy, refusal.status, headers);
  return { ...verdict, refusal, status, ...(code !== undefined && { code }) };
}
