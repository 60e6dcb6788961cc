import type { Request } from "./call.ts";
import type { Position } from "./field.ts";
import { type Policy, patches } from "./policy.ts";

/** What the CORS filter does with a request: nothing; an answer of its own (a preflight); or headers for the answer. */
export interface CorsFinding {
  preflight: boolean;
  allowed: boolean;
  at: Position;
}

/** Judges the `origin` of a request as the edge's CORS filter does, for the routes that lead to a service. */
export function judgeCors(policy: Policy, { method, headers }: Request): CorsFinding | undefined {
  const origin = headers.get("origin");
  if (!origin) return undefined;
  for (const { value } of patches(policy, "edge", "VIRTUAL_HOST"))
    for (const [, config] of value.entries("typed_per_filter_config")) {
      if (!config.text("@type")?.endsWith(".CorsPolicy")) continue;
      const list = config.items("allow_origin_string_match");
      const fitting = list.find(
        (one) =>
          one.text("exact") === origin || (one.text("prefix") !== undefined && origin.startsWith(one.text("prefix")!)),
      );
      const preflight = method === "OPTIONS" && Boolean(headers.get("access-control-request-method"));
      const at = (fitting ?? config.get("allow_origin_string_match") ?? config).position;
      // a preflight of a stranger may be handed on to the service
      const answered =
        preflight && (fitting !== undefined || config.text("forward_not_matching_preflights") === "false");
      return { preflight: answered, allowed: fitting !== undefined, at };
    }
  return undefined;
}
