import type { Call, Request } from "./call.ts";
import { normalizePath } from "./path.ts";
import { type Policy, patches } from "./policy.ts";
import { mapReply } from "./replies.ts";
import type { Line, Refusal } from "./verdict.ts";

/** What the edge makes of a call before its filters see it. */
export type Admission = { lines: Line[] } & (
  | { request: Request }
  /** `reset`: over HTTP/2 there is no answer, the stream ends. */
  | { refusal: Refusal; reset: boolean }
  | { redirect: string }
);

/** Envoy's own bounds, which the policy leaves as they are. */
const headerBounds = { bytes: 60 * 1024, count: 100 };

/** The checks of the connection: headers, path; then the headers that only the mesh may set are taken away. */
export function admit(policy: Policy, call: Call): Admission {
  const lines: Line[] = [];
  const edge = policy.meshConfig;
  if (!edge) throw new Error("mesh/istio/mesh-config.yaml is missing");
  const refuse = (status: number, why: string, remedy: string, key: string, reset: boolean): Admission => {
    const position = edge.spec?.get(key)?.position ?? edge.position;
    lines.push({ topic: "headers", says: why, mark: "refuse", at: position });
    return { lines, refusal: { object: edge, at: position, status, why, remedy }, reset: reset && !call.http1 };
  };

  const names = [...call.headers.keys()];
  const underscore = names.find((name) => name.includes("_"));
  const profile = edge.spec?.text("defaultConfig", "connectionSettings", "profile");
  if (underscore && profile === "EDGE")
    return refuse(
      400,
      `the header ${underscore} has an underscore`,
      "the call without this header",
      "defaultConfig",
      true,
    );
  const bytes = [...call.headers].reduce((sum, [name, value]) => sum + name.length + value.length, call.target.length);
  if (bytes > headerBounds.bytes || names.length > headerBounds.count) {
    const why = bytes > headerBounds.bytes ? `the headers have ${bytes} bytes` : `there are ${names.length} headers`;
    const remedy = `headers of at most ${headerBounds.bytes} bytes, and no more than ${headerBounds.count}`;
    const admission = refuse(431, why, remedy, "defaultConfig", true);
    // the bound is Envoy's own: what the policy has to say of it is how the answer reads
    const { object, at } = mapReply(policy, 431, call.headers);
    return "refusal" in admission && object && at && call.http1
      ? { ...admission, refusal: { ...admission.refusal, object, at } }
      : admission;
  }

  const normal = normalizePath(call.target);
  const position = edge.spec?.get("pathNormalization", "normalization")?.position ?? edge.position;
  if ("refused" in normal || "malformed" in normal) {
    const malformed = "malformed" in normal;
    const [why, status] = malformed ? [normal.malformed, 400] : [normal.why, normal.refused];
    lines.push({ topic: "path", says: why, mark: "refuse", at: position });
    const refusal = { object: edge, at: position, status, why, remedy: "a plain path" };
    return { lines, refusal, reset: malformed && !call.http1 };
  }
  if ("redirect" in normal) {
    lines.push({ topic: "path", says: "an escaped slash: sent back to ask without", mark: "refuse", at: position });
    return { lines, redirect: normal.redirect };
  }
  if (normal.path !== call.target.split("?", 1)[0])
    lines.push({ topic: "path", says: `read as ${normal.path}`, mark: "info", at: position });

  const headers = new Map(call.headers);
  for (const name of removed(policy, headers, lines)) headers.delete(name);
  return { lines, request: { method: call.method, ...normal, headers, client: call.client } };
}

function removed(policy: Policy, headers: ReadonlyMap<string, string>, lines: Line[]): string[] {
  const gone: string[] = [];
  for (const { value } of patches(policy, "edge", "NETWORK_FILTER"))
    for (const extension of value.items("typed_config", "early_header_mutation_extensions"))
      for (const mutation of extension.items("typed_config", "mutations")) {
        const exact = mutation.text("remove");
        const prefix = mutation.text("remove_on_match", "key_matcher", "prefix");
        const names = [...headers.keys()].filter(
          (name) => name === exact || (prefix !== undefined && name.startsWith(prefix)),
        );
        if (names.length === 0) continue;
        gone.push(...names);
        lines.push({ topic: "headers", says: `${names.join(", ")} removed`, mark: "info", at: mutation.position });
      }
  return gone;
}
