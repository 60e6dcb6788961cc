import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { open } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { evaluate } from "../../mesh/explain/evaluate.ts";
import { roles } from "../../mesh/explain/people.ts";
import { loadPolicy, patches } from "../../mesh/explain/policy.ts";
import { patience, rewrite, routeTable } from "../../mesh/explain/routes.ts";
import { frozenDir } from "../../mesh/tools/paths.ts";
import { permissionsOf } from "../../services/auth/permissions.ts";

/** The model of mesh:explain against what istiod made of the same policy, and against a real edge. */

const policy = loadPolicy();
/** Instead of a status: the stream ended without an answer. */
const reset = -1;
// biome-ignore lint/suspicious/noExplicitAny: Envoy's own configuration
const frozen = (file: string): any => JSON.parse(readFileSync(join(frozenDir, "edge", file), "utf8")).resources[0];

test("the routes of the model are those of istiod, in its order, with its timeouts, retries and rewrites", () => {
  const compiled = frozen("rds-http.8080.json").virtual_hosts[0].routes;
  const real = compiled.map((route: (typeof compiled)[number]) => ({
    name: route.name,
    match: route.match.path ?? `${route.match.prefix}*`,
    status: route.direct_response?.status,
    timeout: route.route?.timeout?.replace(/^0s$/, "none"),
    retries: route.route && (route.route.retry_policy?.num_retries ?? 0),
    path: route.route && rewritten(route),
  }));
  const model = routeTable(policy, "edge").map((route) => {
    const uri = route.match?.get("uri");
    const path = uri?.text("exact") ?? uri?.text("prefix") ?? "/";
    const answers = route.http.number("directResponse", "status");
    const { timeout, retries } = patience(route);
    return {
      name: route.name,
      match: uri?.text("exact") ?? `${path}*`,
      status: answers,
      timeout: answers === undefined ? timeout : undefined,
      retries: answers === undefined ? Number.parseInt(retries, 10) || 0 : undefined,
      path: answers === undefined ? rewrite(route, path).path : undefined,
    };
  });
  assert.deepEqual(model, real);

  function rewritten({ match, route }: (typeof compiled)[number]): string {
    const path = match.path ?? match.prefix;
    const by = route.regex_rewrite;
    return by ? path.replace(new RegExp(by.pattern.regex, "g"), by.substitution) : path;
  }
});

test("the model judges in the order of the edge's filters", () => {
  const [chain] = frozen("lds.json").filter_chains ?? [frozen("lds.json").default_filter_chain];
  const names: string[] = chain.filters
    .find(({ name }: { name: string }) => name.endsWith("http_connection_manager"))
    .typed_config.http_filters.map(({ name }: { name: string }) => name.replace("envoy.filters.http.", ""));
  const judges = [
    "game.cors",
    "jwt_authn",
    "rbac",
    "fault",
    ...names.filter((name) => name.startsWith("game.ratelimit")),
    "router",
  ];
  assert.deepEqual(
    names.filter((name) => judges.includes(name)),
    judges,
  );
  const own = patches(policy, "edge", "HTTP_FILTER").map(({ value }) => value.text("name"));
  assert.deepEqual(
    own.filter((name) => name?.startsWith("game.ratelimit")),
    names.filter((name) => name.startsWith("game.ratelimit")),
  );
});

test("the roles that --as knows are those of auth", () => {
  for (const role of ["player", "moderator", "admin"] as const)
    assert.deepEqual([...roles[role]!].sort(), [...permissionsOf([role])].sort());
});

describe("a real edge", () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh();
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  test("does with any path, method, token and origin what the model says", async () => {
    const every = [...roles.admin!];
    const known = routeTable(policy, "edge").flatMap(({ match }) => match?.text("uri", "exact") ?? []);
    const tricks: ((path: string) => string)[] = [
      (path) => path,
      (path) => `/${path}`,
      (path) => path.replace("/", "/./"),
      (path) => path.replace(/\/(\w)/, "/x/../$1"),
      (path) => path.replace(/\/(\w)/, "/%2e%2E/$1"),
      (path) => path.replace(/\/(\w+)$/, "%2f$1"),
      (path) => path.replace(/\/(\w+)$/, "%5C$1"),
      (path) => path.replace(/(\w)$/, (last) => `%${last.charCodeAt(0).toString(16)}`),
      (path) => path.toUpperCase(),
      (path) => `${path}/`,
      (path) => `${path}?message=%2F..%2F`,
      (path) => `${path};v=1`,
      (path) => `${path}%00`,
      (path) => `${path}|^"`,
      (path) => path.replace(/\//g, "//"),
      (path) => path.slice(0, -1),
    ];
    const tokens = new Map<string, string>();
    const tokenOf = async (user: string, held: string[]) => {
      const key = held.join();
      if (!tokens.has(key)) tokens.set(key, await mesh.issuer.token(user, held));
      return tokens.get(key)!;
    };
    // a connection and an address for each call: the edge ends one that sent what it cannot read, and limits are another matter
    const send = async (headers: Record<string, string>) => {
      const session = await open({ to: mesh.at.edge, from: mesh.clientAddress() });
      try {
        const stream = session.request(headers, { endStream: true });
        return await new Promise<number>((resolve) => {
          stream.on("response", (answer) => resolve(Number(answer[":status"])));
          stream.on("close", () => resolve(reset));
          stream.on("error", () => resolve(reset)).resume();
        });
      } finally {
        session.destroy();
      }
    };
    const calls = fc.record({
      path: fc.tuple(fc.constantFrom(...known), fc.constantFrom(...tricks)).map(([path, trick]) => trick(path)),
      method: fc.constantFrom("GET", "POST", "PUT", "OPTIONS"),
      who: fc.oneof(fc.constantFrom("nobody", "garbage", "other scheme"), fc.subarray(every)),
      origin: fc.constantFrom(undefined, "https://game.example.com", "https://evil.example.com"),
      preflight: fc.boolean(),
      extra: fc.constantFrom<Record<string, string>>(
        {},
        { "x-user-id": "forged" },
        { "content-type": "application/grpc" },
      ),
    });
    const property = fc.asyncProperty(calls, async ({ path, method, who, origin, preflight, extra }) => {
      const headers: Record<string, string> = { "content-type": "application/json", ...extra };
      // a user for each set of permissions, so that no bucket runs empty
      if (Array.isArray(who)) headers.authorization = `Bearer ${await tokenOf(who.join() || "poor", who)}`;
      else if (who !== "nobody") headers.authorization = who === "garbage" ? "Bearer x.y" : "Basic eDp5";
      if (origin) headers.origin = origin;
      if (preflight) headers["access-control-request-method"] = "POST";
      const model = {
        method,
        target: path,
        headers: new Map(Object.entries(headers)),
        http1: false,
        client: "",
        signature: "good" as const,
      };
      const verdict = evaluate(policy, model);
      const status = await send({ ":method": method, ":path": path, ...headers });
      // what a service answers is its own: the echo says 200
      assert.equal(
        status,
        verdict.status ?? (verdict.refusal ? reset : 200),
        JSON.stringify({ path, method, who, origin, preflight, extra }),
      );
    });
    await fc.assert(property, { numRuns: 300, interruptAfterTimeLimit: 30_000 });
  });
});
