import type { Call } from "./call.ts";
import { makeUnsignedToken } from "./call.ts";
import { goodClaims } from "./case-call.ts";
import { diagnose, isPassedOn, statusOf } from "./diagnose.ts";
import { evaluate } from "./evaluate.ts";
import { withRoles } from "./explain-call.ts";
import { type LogLine, readLogs } from "./log.ts";
import { ofKind, type Policy } from "./policy.ts";
import { codes } from "./replies.ts";
import { drawLines, drawRefusal, headline, layOut } from "./report.ts";

/** The report on a real call. `passes` is undefined when nothing can be said of it. */
export function explainTrace(policy: Policy, trace: string, log = readLogs()): { lines: string[]; passes?: boolean } {
  if (!log) return { lines: ["there are no logs of the platform here: npm start writes them to .state/logs/"] };
  const hops = log.filter((line) => line.trace_id === trace);
  const calls = hops.filter(({ workload }) => workload === "edge");
  if (calls.length === 0) return { lines: unknownTrace(trace, hops, log) };
  const reports = calls.map((call) => explainLogged(policy, call, calls.length === 1 ? hops : [call], log));
  const lines = reports.flatMap((report, index) => (index === 0 ? report.lines : ["", ...report.lines]));
  return { lines: [`trace ${trace}`, ...lines], passes: reports.every(({ passes }) => passes) };
}

function unknownTrace(trace: string, hops: readonly LogLine[], log: readonly LogLine[]): string[] {
  if (hops.length > 0)
    return [`trace ${trace} is a call between services (${hops[0]!.workload}): it did not come by the edge`];
  const edge = log.filter(({ workload }) => workload === "edge");
  const recent = edge
    .slice(-5)
    .map((line) => ["", line.trace_id, String(statusOf(line)), `${line.method} ${line.path}`]);
  return [
    `the logs of the edge do not know the trace ${trace}`,
    "an answer names its trace in the header x-trace-id; a call that was refused for its path or headers has none",
    ...(recent.length > 0 ? ["the last calls:", ...layOut(recent)] : ["the edge has logged no call yet"]),
  ];
}

function explainLogged(policy: Policy, call: LogLine, hops: readonly LogLine[], log: readonly LogLine[]) {
  const passes = statusOf(call) < 400 && call.status !== 0;
  const refusing = passes ? undefined : whoRefused(call, hops);
  const refusal = refusing && diagnose(policy, refusing, log);
  const lines = [headline(`${call.method} ${call.path}`, "plain"), describeCaller(call), "", ...drawHops(hops), ""];
  if (passes) lines.push(...whatApplied(policy, call), "", headline(`passed: ${nameOf(call)}`, "good"));
  else lines.push(headline(`refused: ${nameOf(call)}`, "bad"));
  if (refusal) lines.push(...drawRefusal(withRoles(refusal)));
  else if (!passes) lines.push(...withoutPolicy(call, refusing));
  return { lines, passes };
}

/** The Envoy that refused: the edge; or, where it passed an answer on, the one nearest to the end of the chain. */
function whoRefused(call: LogLine, hops: readonly LogLine[]): LogLine | undefined {
  if (!isPassedOn(call)) return call;
  return hops
    .filter((hop) => hop !== call && !isPassedOn(hop) && statusOf(hop) >= 400)
    .sort((one, other) => Date.parse(other.time) - Date.parse(one.time))[0];
}

function withoutPolicy(call: LogLine, refusing: LogLine | undefined): string[] {
  if (call.details?.includes("remote") || call.flags === "DC")
    return ["no policy refused it: the caller went away before there was an answer"];
  if (refusing)
    return [`no policy object fits: Envoy says ${refusing.flags} ${refusing.details} at ${refusing.workload}`];
  const where = call.route?.split("-", 1)[0] ?? "the service";
  return [
    `no policy refused it: the answer is that of the service itself (npm run logs -- ${where}, npm run trace -- ${call.trace_id})`,
  ];
}

function describeCaller({ user_id, client, content_type, time }: LogLine): string {
  const who = user_id === null ? "nobody (no token)" : `user ${user_id}`;
  return `as ${who}, from ${client}${content_type ? `, ${content_type}` : ""}, at ${time}`;
}

function drawHops(hops: readonly LogLine[]): string[] {
  const rows = [...hops]
    .sort((one, other) => Date.parse(one.time) - Date.parse(other.time))
    .map((hop) => {
      const side = hop.workload === "edge" ? "edge" : `sidecar of ${hop.workload}`;
      const flags = hop.flags && hop.flags !== "-" ? ` ${hop.flags}` : "";
      return [
        side,
        nameOf(hop),
        `${hop.duration_ms} ms`,
        hop.upstream ?? "no upstream",
        `${hop.details ?? ""}${flags}`,
      ];
    });
  return layOut(rows);
}

function nameOf(line: LogLine): string {
  const { status, grpc_status } = line;
  if (status === 0) return "no answer";
  return grpc_status === null ? String(status) : `grpc-status ${codes[grpc_status] ?? grpc_status} (HTTP ${status})`;
}

/** What the policy, as it is saved now, says of a call that passed. What its token permitted is not logged: it had what was needed. */
function whatApplied(policy: Policy, line: LogLine): string[] {
  const headers = new Map<string, string>();
  if (line.content_type !== null) headers.set("content-type", line.content_type);
  if (line.user_id !== null)
    headers.set("authorization", `Bearer ${makeUnsignedToken(goodClaims(line.user_id, everyPermission(policy)))}`);
  const call: Call = {
    method: line.method ?? "GET",
    target: line.path ?? "/",
    ...{ headers, http1: line.content_type === null, client: line.client ?? "", signature: "good" },
  };
  return drawLines(evaluate(policy, call).lines);
}

/** Every permission that some rule asks for. */
export function everyPermission(policy: Policy): string[] {
  const rules = ofKind(policy, "AuthorizationPolicy").flatMap(({ spec }) => spec?.items("rules") ?? []);
  const conditions = rules.flatMap((rule) => rule.items("when"));
  const named = conditions.filter((condition) => condition.text("key") === "request.auth.claims[permissions]");
  return [...new Set(named.flatMap((condition) => condition.texts("values")))].sort();
}
