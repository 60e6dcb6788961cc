import type { Request } from "./call.ts";
import { at } from "./field.ts";
import { bucketsOf, sizeOf } from "./limits.ts";
import { permissionNeeded } from "./permissions.ts";
import { type Policy, patches } from "./policy.ts";
import { destinations, findRoute, patience, type Route, rewrite, routeTable } from "./routes.ts";
import { describeUpstream, judgeCaller, serviceOf } from "./upstream.ts";

/** Something that the policy says of all calls of a path. */
export interface Fact {
  says: string;
  /** `file:line`. */
  at: string;
}

/** What it says, by subject: `timeout`, `permission`, ... */
export type Facts = Map<string, Fact>;

const methods = ["GET", "POST", "PUT", "DELETE"];

/** The paths that the edge routes somewhere; a prefix stands with `*` for what follows it. */
export function routedPaths(policy: Policy): string[] {
  const uris = routeTable(policy, "edge").flatMap(({ match }) => match?.get("uri") ?? []);
  return [...new Set(uris.flatMap((uri) => uri.text("exact") ?? (uri.text("prefix") ? `${uri.text("prefix")}*` : [])))];
}

/** What the policy says of the calls of a path; of one that is not routed, only that. */
export function factsOf(policy: Policy, path: string): Facts {
  const facts: Facts = new Map();
  const request: Request = { method: "POST", path, query: "", headers: new Map(), client: "X" };
  const route = findRoute(routeTable(policy, "edge"), request);
  if (!route) return facts;
  const answer = route.http.get("directResponse");
  const say = (topic: string, says: string, position = route.http.position) =>
    facts.set(topic, { says, at: at(position) });
  if (answer) {
    say("route", `${answer.text("status")} by the edge`, answer.position);
    if (answer.number("status") === 404) return facts;
  } else say("route", route.name, route.at);
  sayPermissions(policy, path, route, say);
  sayLimits(policy, request, route, say);
  if (answer) return facts;

  say("upstream", upstreamOf(route), destinations(route)[0]?.at);
  for (const special of routeTable(policy, "edge")) {
    const headers = special.match?.entries("headers") ?? [];
    if (headers.length === 0 || special.match?.text("uri", "exact") !== path) continue;
    const wanted = headers.map(([name, value]) => `${name} ${value.entries()[0]?.[1].text() ?? ""}`.trim()).join(", ");
    say(`with ${wanted}`, upstreamOf(special), special.at);
  }
  const { timeout, retries, timeoutAt, retriesAt } = patience(route);
  say("timeout", timeout, timeoutAt);
  say("retries", retries, retriesAt);
  const sent = rewrite(route, path);
  say("path", sent.path, sent.at);
  for (const topic of ["fault", "mirror"] as const) {
    const field = route.http.get(topic);
    if (field) say(topic, JSON.stringify(field.value), field.position);
  }
  const idle = idleTimeout(policy, route);
  if (idle) say("idle timeout", idle.says, idle.position);
  const host = destinations(route)[0]?.host ?? "";
  for (const line of describeUpstream(policy, host)) say(line.topic, line.says, line.at);
  const { line, refusal } = judgeCaller(policy, serviceOf(host), "POST", sent.path);
  say("sidecar", refusal ? "refuses the edge" : "takes the edge", line.at);
  return facts;
}

function upstreamOf(route: Route): string {
  const places = destinations(route).map(
    ({ host, subset, weight }) => `${weight} % ${serviceOf(host)}${subset ? ` ${subset}` : ""}`,
  );
  return places.join(", ").replace(/^100 % /, "");
}

type Say = (topic: string, says: string, position?: { file: string; line: number }) => void;

function sayPermissions(policy: Policy, path: string, { at: where }: Route, say: Say): void {
  const needed = methods.map((method) => ({ method, ...permissionNeeded(policy, "edge", method, path) }));
  const open = needed.filter(({ says }) => says !== "closed");
  const [first] = open.length > 0 ? open : needed;
  const groups = Map.groupBy(open, ({ says }) => says);
  const text = [...groups]
    .map(([says, entries]) => `${entries.map(({ method }) => method).join(" ")}: ${says}`)
    .join("; ");
  say("permission", text || "closed for all", first?.at ?? where);
}

function sayLimits(policy: Policy, request: Request, route: Route, say: Say): void {
  const kinds = { "limit, of a user": new Map([["x-user-id", "X"]]), "limit, no token": new Map<string, string>() };
  for (const [topic, headers] of Object.entries(kinds)) {
    const buckets = bucketsOf(policy, route.name, { ...request, headers }).filter(({ key }) => !key.endsWith(" all"));
    const groups = Map.groupBy(buckets, ({ whose }) =>
      whose.endsWith("all endpoints") ? `${topic}, all calls` : topic,
    );
    for (const [name, group] of groups) say(name, group.map(sizeOf).join(" and "), group[0]!.at);
  }
}

function idleTimeout(policy: Policy, { name }: Route) {
  for (const { match, value } of patches(policy, "edge", "HTTP_ROUTE")) {
    const timeout = value.get("route", "idle_timeout");
    if (timeout && match?.text("routeConfiguration", "vhost", "route", "name") === name)
      return { says: timeout.text() ?? "", position: timeout.position };
  }
  return undefined;
}
