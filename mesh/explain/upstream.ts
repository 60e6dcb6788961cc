import { at } from "./field.ts";
import { judgePermission } from "./permissions.ts";
import { ofKind, type Policy, type PolicyObject, patches, selects } from "./policy.ts";
import type { Line, Refusal } from "./verdict.ts";

/** The service of a host: its first label. */
export const serviceOf = (host: string): string => host.split(".", 1)[0]!;

/** The DestinationRule of a host. */
export const ruleOf = (policy: Policy, host: string): PolicyObject | undefined =>
  ofKind(policy, "DestinationRule").find(({ spec }) => spec?.text("host") === host);

/** The hosts of the mesh that a service may call, or `*`: by the Sidecar that selects it, else by the one for all, else every host. */
export function hostsOf(policy: Policy, service: string): string[] {
  const fitting = ofKind(policy, "Sidecar").filter((object) => selects(object, service));
  const chosen = fitting.find(({ spec }) => spec?.get("workloadSelector")) ?? fitting[0];
  if (!chosen) return ["*"];
  const named = (chosen.spec?.items("egress") ?? []).flatMap((listener) => listener.texts("hosts"));
  return named.flatMap((host) => /^[.*]\/(.+)$/.exec(host)?.[1] ?? []);
}

/** How calls are spread over the instances of a host, and when an instance or all of them are left out. */
export function describeUpstream(policy: Policy, host: string): Line[] {
  const lines: Line[] = [];
  const traffic = ruleOf(policy, host)?.spec?.get("trafficPolicy");
  const balancer = traffic?.get("loadBalancer");
  const name = balancer?.text("simple");
  if (balancer && name) {
    const near = balancer.text("localityLbSetting", "enabled") === "true" ? ", the same zone first" : "";
    lines.push({
      topic: "balancing",
      says: `${name.toLowerCase().replaceAll("_", " ")}${near}`,
      mark: "info",
      at: balancer.position,
    });
  }
  const hashed = balancer?.get("consistentHash", "httpHeaderName");
  if (hashed)
    lines.push({
      ...{ topic: "balancing", mark: "info", at: hashed.position },
      says: `the same instance for the same ${hashed.text()}`,
    });
  const outlier = traffic?.get("outlierDetection");
  const failures = outlier?.get("consecutiveGatewayErrors") ?? outlier?.get("consecutive5xxErrors");
  if (outlier && failures)
    lines.push({
      ...{ topic: "breaker", mark: "info", at: failures.position },
      says: `${failures.text()} failures in a row take an instance out for ${outlier.text("baseEjectionTime")}`,
    });
  const health = healthChecks(policy, host);
  if (health)
    lines.push({
      topic: "health",
      says: `asked every ${health.interval}, within ${health.timeout}`,
      mark: "info",
      at: health.at,
    });
  return lines;
}

/** The health check that the edge makes of a host. */
export function healthChecks(policy: Policy, host: string) {
  for (const { object, match, value } of patches(policy, "edge", "CLUSTER")) {
    if (match?.text("cluster", "service") !== host) continue;
    const [check] = value.items("health_checks");
    if (check) return { object, at: check.position, interval: check.text("interval"), timeout: check.text("timeout") };
  }
  return undefined;
}

/** Whether the sidecar of `service` takes a call of the edge (or of another `caller`). */
export function judgeCaller(
  policy: Policy,
  service: string,
  method: string,
  path: string,
  caller = "edge",
): { line: Line; refusal?: Refusal } {
  const principal = `cluster.local/ns/game/sa/${caller}`;
  const finding = judgePermission(policy, service, { method, path: path.split("?", 1)[0]!, principal });
  if (finding.allowed) {
    const line: Line = { topic: "callers", says: `${service} takes calls of ${caller}`, mark: "pass" };
    return { line: finding.at ? { ...line, at: finding.at } : line };
  }
  const { object, why, remedy } = finding;
  const refusal = { object, at: finding.at, status: 403, why: `the sidecar of ${service} refuses: ${why}`, remedy };
  return { line: { topic: "callers", says: refusal.why, mark: "refuse", at: finding.at }, refusal };
}

/** A bound of the circuit breaker of a host, as `file:line` and value. */
export function poolBound(policy: Policy, host: string): string {
  const pool = ruleOf(policy, host)?.spec?.get("trafficPolicy", "connectionPool", "http");
  const bound = pool?.get("http2MaxRequests");
  return bound ? `http2MaxRequests ${bound.text()} (${at(bound.position)})` : "the connection pool's bounds";
}
