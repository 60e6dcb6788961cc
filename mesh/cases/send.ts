import { once } from "node:events";
import { type IncomingMessage, request as requestHttp1 } from "node:http";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { createAuthority } from "../local/authority.ts";
import { hostOf, services, type Workload, workload } from "../local/topology.ts";
import { type Answer, type Call, open } from "./call.ts";
import type { Step } from "./format.ts";
import type { Mesh } from "./mesh.ts";
import { type Claims, createIssuer, type Issuer, now, unsignedToken } from "./tokens.ts";

/** How each protocol writes an empty call. */
const forms: Record<Step["protocol"], { headers: Record<string, string>; body: string | Buffer }> = {
  json: { headers: { "content-type": "application/json" }, body: "{}" },
  http1: { headers: { "content-type": "application/json" }, body: "{}" },
  connect: { headers: { "content-type": "application/json", "connect-protocol-version": "1" }, body: "{}" },
  "connect-proto": { headers: { "content-type": "application/proto", "connect-protocol-version": "1" }, body: "" },
  "connect-stream": {
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    body: Buffer.from("\0\0\0\0\x02{}"),
  },
  grpc: { headers: { "content-type": "application/grpc", te: "trailers" }, body: Buffer.alloc(5) },
  "grpc-web": {
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    body: Buffer.alloc(5),
  },
};

/** A connection on which the calls of a step are made. */
export interface Line extends AsyncDisposable {
  send(path: string, headers: Record<string, string>): Promise<Answer>;
}

/** Connects as the step says, from `address`. @throws when the connection is not taken */
export async function connectFor(mesh: Mesh, step: Step, address: string): Promise<Line> {
  const target = await targetOf(mesh, step);
  const form = forms[step.protocol];
  const body = step.method === "POST" || step.method === "PUT" ? form.body : undefined;
  const from = step.to.startsWith("edge") ? { from: address } : {};
  if (step.protocol === "http1")
    return {
      send: (path, headers) =>
        sendHttp1({ ...target, ...from, path, method: step.method }, { ...form.headers, ...headers }, body),
      async [Symbol.asyncDispose]() {},
    };
  const session = await open({ ...target, ...from });
  // more streams than the edge takes would be refused: it says how many
  if (step.to.startsWith("edge")) await once(session, "remoteSettings");
  return {
    send: (path, headers) =>
      sendOn(session, { ...form.headers, ...headers, ":method": step.method, ":path": path }, body),
    async [Symbol.asyncDispose]() {
      session.destroy();
    },
  };
}

async function targetOf(mesh: Mesh, step: Step): Promise<Pick<Call, "to" | "tls" | "authority">> {
  if (step.to === "edge") return { to: mesh.at.edge };
  const trusted = { ca: mesh.authority.certificate, servername: "localhost" };
  if (step.to === "edge-tls") {
    if (step.tls === undefined) return { to: mesh.at.edgeTls, tls: trusted };
    const version = `TLSv${step.tls}` as const;
    // every cipher is allowed, so that it is the version that is refused, and by the edge
    const old = step.tls === "1.1" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {};
    return { to: mesh.at.edgeTls, tls: { ...trusted, minVersion: version, maxVersion: version, ...old } };
  }
  if (step.from !== undefined) {
    const host = services.includes(step.to) ? hostOf(step.to) : step.to;
    return { to: mesh.at.outbound(workload(step.from)), authority: `${host}:8080` };
  }
  const to = mesh.at.inbound(workload(step.to) satisfies Workload);
  if (step.certificate === "in-clear") return { to };
  const tls = { ca: mesh.authority.certificate, checkServerIdentity: () => undefined };
  if (step.certificate === "none") return { to, tls };
  const foreign = step.certificate === "foreign";
  const authority = foreign ? await createAuthority() : mesh.authority;
  const { certificate, key } = await authority.issueWorkload(foreign ? "edge" : step.certificate!);
  return { to, tls: { ...tls, cert: certificate, key } };
}

async function sendOn(session: ClientHttp2Session, headers: Record<string, string>, body?: string | Buffer) {
  const stream = session.request(headers, { endStream: body === undefined });
  const chunks: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("trailers", (received) => {
    trailers = received;
  });
  const received = await new Promise<(IncomingHttpHeaders & { ":status"?: number | undefined }) | undefined>(
    (resolve, reject) => {
      let response: (IncomingHttpHeaders & { ":status"?: number | undefined }) | undefined;
      stream.on("response", (headers) => {
        response = headers;
      });
      stream.on("error", reject);
      // also after a connection that ended without an answer, which no other event tells
      stream.on("close", () => resolve(response));
      if (body !== undefined) stream.end(body);
    },
  );
  if (!received) throw new Error("the connection ended without an answer");
  return answerOf(received[":status"]!, received, trailers, Buffer.concat(chunks));
}

async function sendHttp1({ to, from, path, method }: Call, headers: Record<string, string>, body?: string | Buffer) {
  const request = requestHttp1({ ...to, ...(from && { localAddress: from }), path, method, headers, agent: false });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return answerOf(response.statusCode!, response.headers, response.trailers, Buffer.concat(chunks));
}

const answerOf = (
  status: number,
  headers: IncomingHttpHeaders,
  trailers: IncomingHttpHeaders,
  body: Buffer,
): Answer => ({
  status,
  headers,
  trailers,
  body,
  json: () => JSON.parse(body.toString()),
});

/** Signs the tokens of the cases, good ones and bad ones. */
export interface Tokens {
  of(step: Step, user: string): Promise<string | undefined>;
}

/** `issuer` signs what is good. */
export async function createTokens(issuer: Issuer): Promise<Tokens> {
  const [forger, stranger] = await Promise.all([createIssuer(), createIssuer("other")]);
  return {
    async of({ as, token }, user) {
      if (!as) return undefined;
      const { permissions } = as;
      const claims = (more: Claims) => issuer.token(user, permissions, more);
      switch (token) {
        case undefined:
        case "not-sent":
          return claims({});
        case "expired":
          return claims({ exp: now() - 120 });
        case "forged":
          return forger.token(user, permissions);
        case "unknown-key":
          return stranger.token(user, permissions);
        case "unsigned":
          return unsignedToken(user);
        case "other-issuer":
          return claims({ iss: "someone-else" });
        case "other-audience":
          return claims({ aud: "another-game" });
        case "not-yet-valid":
          return claims({ nbf: now() + 600 });
        case "garbage":
          return "not-a-token";
      }
    },
  };
}
