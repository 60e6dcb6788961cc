import { type Call, isGrpc } from "./call.ts";
import { evaluate } from "./evaluate.ts";
import { rolesWith } from "./people.ts";
import type { Policy } from "./policy.ts";
import { drawLines, drawRefusal, headline } from "./report.ts";
import type { Refusal, Verdict } from "./verdict.ts";

/** The report on a call that nobody makes: what applies to it, and what would come of it. */
export function explainCall(policy: Policy, call: Call, who: string): { lines: string[]; passes: boolean } {
  const verdict = evaluate(policy, call);
  const passes = verdict.refusal === undefined;
  const lines = [
    headline(`${call.method} ${call.target}`, "plain"),
    `as ${who}`,
    "",
    ...drawLines(verdict.lines),
    "",
    headline(outcome(verdict, call), passes ? "good" : "bad"),
    ...(verdict.refusal ? drawRefusal(withRoles(verdict.refusal)) : []),
  ];
  return { lines, passes };
}

function outcome({ status, code, refusal, upstream }: Verdict, call: Call): string {
  if (!refusal) return upstream ? `passes, and reaches ${upstream}` : `passes: the edge itself answers ${status}`;
  if (status === undefined) return "refused: the connection's stream is reset, without an answer";
  const grpc = isGrpc(call.headers) && code !== undefined;
  return `refused: ${grpc ? `grpc-status ${code} (HTTP ${status})` : `${status}${code ? ` ${code}` : ""}`}`;
}

/** Names the roles that have the permission that is lacking. */
export function withRoles(refusal: Refusal): Refusal {
  const permission = /with the permission (\S+)$/.exec(refusal.remedy)?.[1];
  const holders = permission === undefined ? [] : rolesWith(permission);
  return holders.length > 0 ? { ...refusal, remedy: `${refusal.remedy} (roles: ${holders.join(", ")})` } : refusal;
}
