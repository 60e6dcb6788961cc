import { concerned, type PolicyObject } from "./policy.ts";
import type { Failure } from "./run.ts";

/** A failure in words: the case, the call, the difference, and where in the policy to look. */
export function report(policy: PolicyObject[], { failed, step, differences }: Failure): string {
  if (!step)
    return [`${failed.at}: ${failed.name}`, ...differences.map((difference) => `  ${difference}`), ""].join("\n");
  const who = step.as ? ` as ${step.as.name}${step.token ? ` (token ${step.token})` : ""}` : "";
  return [
    `${step.at}: ${failed.name}`,
    `  ${step.method} ${step.path}${who}${step.protocol === "json" ? "" : ` by ${step.protocol}`}`,
    ...differences.map((difference) => `  ${difference}`),
    ...concerned(policy, step).map((place) => `  policy: ${place}`),
    "",
  ].join("\n");
}
