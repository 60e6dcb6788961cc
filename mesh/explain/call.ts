/** A call to the edge, as the client sends it. */
export interface Call {
  method: string;
  /** Path and query as they are sent. */
  target: string;
  /** Names in lower case. A token stands in `authorization`. */
  headers: ReadonlyMap<string, string>;
  http1: boolean;
  /** The address that the edge sees. */
  client: string;
  /** What verification finds of the token. `unchecked`: nobody asked, it is taken as good. */
  signature: Signature;
}

export type Signature = "good" | "forged" | "unknown-key" | "unchecked";

/** What a request looks like to the filters of an Envoy. */
export interface Request {
  method: string;
  path: string;
  query: string;
  headers: Map<string, string>;
  client: string;
}

/** Whether a call is gRPC or gRPC-web, as the error mappers tell. */
export const isGrpc = (headers: ReadonlyMap<string, string>): boolean =>
  headers.get("content-type")?.startsWith("application/grpc") ?? false;

/** What a token says. */
export interface Claims {
  [claim: string]: unknown;
}

/** A token in the form of a JWT with a signature that is none, for a caller who is only spoken of. */
export function makeUnsignedToken(claims: Claims): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256", kid: "none" })}.${part(claims)}.AAAA`;
}
