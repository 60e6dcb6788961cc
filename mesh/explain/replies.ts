import type { Field, Position } from "./field.ts";
import { fitsHeader } from "./limits.ts";
import { type Policy, type PolicyObject, patches } from "./policy.ts";

/** How a refusal looks to the client. */
export interface Reply {
  status: number;
  /** The code of Connect and gRPC. */
  code?: string;
  message?: string;
  /** The object whose mapper makes it. */
  object?: PolicyObject;
  at?: Position;
}

/** gRPC's codes by number, in Connect's spelling. */
export const codes = [
  ...["ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists"],
  ...["permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented"],
  ...["internal", "unavailable", "data_loss", "unauthenticated"],
];

/** What the error mappers of the edge make of an answer of Envoy itself: the first that fits counts. */
export function mapReply(policy: Policy, status: number, headers: ReadonlyMap<string, string>): Reply {
  for (const { object, match, value } of patches(policy, "edge", "NETWORK_FILTER")) {
    if (match?.text("context") === "SIDECAR_INBOUND") continue;
    for (const mapper of value.items("typed_config", "local_reply_config", "mappers")) {
      if (!fits(mapper.get("filter"), status, headers)) continue;
      const added = new Map(
        mapper.items("headers_to_add").map((one) => [one.text("header", "key"), one.text("header", "value")]),
      );
      const number = added.get("grpc-status");
      const body = mapper.get("body_format_override", "json_format");
      const ending = streamError(mapper.text("body_format_override", "text_format_source", "inline_string"));
      const code = number === undefined ? (body?.text("code") ?? ending?.code) : codes[Number(number)];
      const message = added.get("grpc-message") ?? body?.text("message") ?? ending?.message;
      return {
        ...{ object, at: mapper.position, status: mapper.number("status_code") ?? status },
        ...(code !== undefined && { code }),
        ...(message !== undefined && !message.includes("%") && { message }),
      };
    }
  }
  // without a mapper Envoy itself turns what it answers to gRPC, but not to gRPC-web
  return /^application\/grpc($|\+)/.test(headers.get("content-type") ?? "")
    ? { status: 200, code: "unknown" }
    : { status };
}

/** The error in the frame that ends a Connect stream. */
const streamError = (frame: string | undefined): { code: string; message: string } | undefined =>
  frame?.startsWith("\x02") ? JSON.parse(frame.slice(5)).error : undefined;

function fits(filter: Field | undefined, status: number, headers: ReadonlyMap<string, string>): boolean {
  if (!filter) return true;
  const comparison = filter.get("status_code_filter", "comparison");
  const value = comparison?.number("value", "default_value") ?? 0;
  if (comparison) {
    const op = comparison.text("op") ?? "EQ";
    return op === "GE" ? status >= value : op === "LE" ? status <= value : status === value;
  }
  const header = filter.get("header_filter", "header");
  if (header) return fitsHeader(header, headers);
  const all = filter.items("and_filter", "filters");
  if (all.length > 0) return all.every((one) => fits(one, status, headers));
  return filter.items("or_filter", "filters").some((one) => fits(one, status, headers));
}
