import type { Request } from "./call.ts";
import type { Field, Position } from "./field.ts";
import { ofKind, type Policy, type PolicyObject, remembered } from "./policy.ts";

/** A row of an Envoy's route table: one match of one route of a VirtualService. */
export interface Route {
  name: string;
  object: PolicyObject;
  at: Position;
  /** The route of the VirtualService, with its timeout, retries and destinations. */
  http: Field;
  /** None: every request fits. */
  match: Field | undefined;
}

/**
 * The routes of a gateway in the order in which Envoy tries them: VirtualServices by name, and those that fit everything last.
 * `mesh` with the host of a service: how services call it.
 */
export const routeTable = (policy: Policy, gateway: string, host?: string): Route[] =>
  remembered(policy, `routes ${gateway} ${host}`, () => findRoutes(policy, gateway, host));

function findRoutes(policy: Policy, gateway: string, host?: string): Route[] {
  const routes = ofKind(policy, "VirtualService")
    .filter(({ spec }) => {
      const gateways = spec?.texts("gateways") ?? [];
      const hosts = spec?.texts("hosts") ?? [];
      return (gateways.length > 0 ? gateways : ["mesh"]).includes(gateway) && (!host || hosts.includes(host));
    })
    .flatMap((object) => object.spec!.items("http").flatMap((http) => rowsOf(object, http)));
  return [...routes.filter((route) => !fitsAll(route)), ...routes.filter(fitsAll)];
}

function rowsOf(object: PolicyObject, http: Field): Route[] {
  const name = http.text("name") ?? "default";
  const matches = http.items("match");
  if (matches.length === 0) return [{ name, object, at: http.position, http, match: undefined }];
  return matches.map((match) => {
    const own = match.text("name");
    return { name: own ? `${name}.${own}` : name, object, at: match.position, http, match };
  });
}

function fitsAll({ match }: Route): boolean {
  if (!match) return true;
  const conditions = match.entries().filter(([key]) => key !== "name" && key !== "gateways");
  return conditions.length === 0 || (conditions.length === 1 && match.text("uri", "prefix") === "/");
}

/** The first route that fits. */
export function findRoute(table: readonly Route[], request: Request): Route | undefined {
  return table.find(({ match }) => !match || fits(match, request));
}

function fits(match: Field, { method, path, query, headers }: Request): boolean {
  const parameters = new URLSearchParams(query);
  const ignoreCase = match.text("ignoreUriCase") === "true";
  const uri = match.get("uri");
  return (
    (!uri || fitsText(uri, path, ignoreCase)) &&
    (!match.get("method") || fitsText(match.get("method")!, method)) &&
    (!match.get("authority") || fitsText(match.get("authority")!, headers.get(":authority") ?? "")) &&
    match.entries("headers").every(([name, wanted]) => fitsOptional(wanted, headers.get(name.toLowerCase()))) &&
    match.entries("withoutHeaders").every(([name, bad]) => !fitsOptional(bad, headers.get(name.toLowerCase()))) &&
    match.entries("queryParams").every(([name, wanted]) => fitsOptional(wanted, parameters.get(name) ?? undefined))
  );
}

/** A condition without a value asks only that the header is there. */
function fitsOptional(wanted: Field, value: string | undefined): boolean {
  if (value === undefined) return false;
  return wanted.entries().length === 0 || fitsText(wanted, value);
}

function fitsText(wanted: Field, value: string, ignoreCase = false): boolean {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  const [exact, prefix, regex] = [wanted.text("exact"), wanted.text("prefix"), wanted.text("regex")];
  if (exact !== undefined) return fold(value) === fold(exact);
  if (prefix !== undefined) return fold(value).startsWith(fold(prefix));
  if (regex !== undefined) return new RegExp(`^(?:${regex})$`, ignoreCase ? "i" : "").test(value);
  return true;
}

/** The path that the service sees. */
export function rewrite({ http, match }: Route, path: string): { path: string; at?: Position } {
  const pattern = http.get("rewrite", "uriRegexRewrite");
  if (pattern) {
    const by = (pattern.text("rewrite") ?? "").replaceAll("$", "$$$$").replaceAll(/\\(\d)/g, "$$$1");
    return { path: path.replaceAll(new RegExp(pattern.text("match") ?? "", "g"), by), at: pattern.position };
  }
  const uri = http.get("rewrite", "uri");
  if (!uri) return { path };
  const prefix = match?.text("uri", "prefix");
  const rest = prefix === undefined ? "" : path.slice(prefix.length);
  return { path: `${uri.text()}${rest}`, at: uri.position };
}

/** A place that a route sends to. */
export interface Destination {
  host: string;
  subset: string | undefined;
  /** Percent of the calls. */
  weight: number;
  at: Position;
}

/** Where a route sends to; nowhere when it answers by itself. */
export function destinations({ http }: Route): Destination[] {
  const places = http.items("route");
  return places.map((place) => ({
    host: place.text("destination", "host") ?? "",
    subset: place.text("destination", "subset"),
    weight: place.number("weight") ?? (places.length === 1 ? 100 : 0),
    at: (place.get("destination", "host") ?? place).position,
  }));
}

/** How long a call may take and how often it is tried, as text; with what stands for it when the policy says nothing. */
export function patience({ http }: Route): {
  timeout: string;
  retries: string;
  timeoutAt?: Position;
  retriesAt?: Position;
} {
  const timeout = http.get("timeout");
  const retries = http.get("retries");
  const attempts = retries?.number("attempts") ?? 0;
  const each = retries?.text("perTryTimeout");
  const again = `${attempts}${each ? `, each try ${each}` : ""}, on ${retries?.text("retryOn") ?? "connect-failure,refused-stream,unavailable,cancelled,503"}`;
  return {
    timeout: timeout && timeout.text() !== "0s" ? timeout.text()! : "none",
    retries: attempts > 0 ? again : "none",
    ...(timeout && { timeoutAt: timeout.position }),
    ...(retries && { retriesAt: (retries.get("attempts") ?? retries).position }),
  };
}
