import type { Position } from "./field.ts";
import type { Bucket } from "./limits.ts";
import type { PolicyObject } from "./policy.ts";
import type { Route } from "./routes.ts";

/** One thing that the policy says of a call. */
export interface Line {
  topic: string;
  says: string;
  /** `info`: it applies, and refuses nobody by itself. */
  mark: "pass" | "refuse" | "info";
  at?: Position;
}

/** Who refuses a call, and why. */
export interface Refusal {
  object: PolicyObject;
  at: Position;
  /** Before the error mappers: what the filter itself answers. */
  status: number;
  why: string;
  /** What would let the call pass. */
  remedy: string;
}

/** What comes of a call. */
export interface Verdict {
  lines: Line[];
  /** What the client sees; undefined when the connection ends without an answer, or when the service decides. */
  status?: number;
  /** The code of Connect and gRPC, of a refusal. */
  code?: string;
  refusal?: Refusal;
  route?: Route;
  /** The service that the call reaches, when it does. */
  upstream?: string;
  /** The path that the service sees. */
  upstreamPath?: string;
  buckets: Bucket[];
  /** Who the edge takes the caller for. */
  user?: string;
}
