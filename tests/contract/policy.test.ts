import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { parseAllDocuments } from "yaml";
import { permissionsOf } from "../../services/auth/permissions.ts";

/** Holds the schemas and the policy together: what one says of an RPC, the other must know. */

interface Route {
  name: string;
  match?: { uri: { exact?: string; prefix?: string }; headers?: object }[];
  timeout?: string;
  retries?: { attempts: number };
}

interface Rule {
  from?: { source: { principals?: string[] } }[];
  to: { operation: { paths: string[] } }[];
  when?: { key: string; values: string[] }[];
}

// biome-ignore lint/suspicious/noExplicitAny: the objects are as Istio defines them
type Objekt = any;

const root = join(import.meta.dirname, "../../mesh/istio");
const objects: Objekt[] = globSync("**/*.yaml", { cwd: root }).flatMap((file) =>
  parseAllDocuments(readFileSync(join(root, file), "utf8")).map((document) => document.toJS()),
);
const routes: Route[] = objects
  .filter(({ kind, spec }) => kind === "VirtualService" && spec.gateways?.includes("edge"))
  .flatMap(({ spec }) => spec.http);
const rules: Rule[] = objects
  .filter(({ kind, spec }) => kind === "AuthorizationPolicy" && spec.selector?.matchLabels?.app === "edge")
  .flatMap(({ spec }) => spec.rules);

const schemas = join(import.meta.dirname, "../../gen/game");
const schemaFiles = globSync("*/v1/*_service_pb.ts", { cwd: schemas }).sort();
const services: DescService[] = await Promise.all(
  schemaFiles.map(async (file) => {
    const exported: Record<string, unknown> = await import(join(schemas, file));
    const [name] = Object.keys(exported).filter((key) => key.startsWith("file_"));
    return (exported[name!] as DescFile).services[0]!;
  }),
);

/** What sagas call. Nobody else does, and nobody from outside. */
const ledgers = services.filter(({ name }) => name.endsWith("LedgerService"));
/** What players call, through the edge: all but what services show each other. */
const methods: DescMethod[] = services
  .filter(({ name }) => !/(Ledger|Feed)Service$/.test(name))
  .flatMap((service) => service.methods);

/** Both ways in: the RPC path, and the REST form. */
function pathsOf(method: DescMethod): string[] {
  const service = method.parent.typeName.split(".")[1];
  return [`/${method.parent.typeName}/${method.name}`, `/api/v1/${service}/${method.name}`];
}

const routesOf = (path: string) => routes.filter(({ match }) => match?.some(({ uri }) => uri.exact === path));
const rulesOf = (path: string) => rules.filter(({ to }) => to.some(({ operation }) => operation.paths.includes(path)));

for (const method of methods)
  test(`${method.parent.typeName}/${method.name} has a route, a timeout, retries only if it may, and one rule of who may call it`, () => {
    for (const path of pathsOf(method)) {
      const found = routesOf(path);
      assert.ok(found.length > 0, `no VirtualService of the edge routes ${path}`);
      const plain = found.filter((route) => !route.match?.some(({ uri, headers }) => uri.exact === path && headers));
      assert.equal(plain.length, 1, `${path} has one route, besides those for calls with a certain header`);
      for (const route of found) {
        // Istio limits nothing where no timeout is stated.
        const limited = route.timeout !== undefined && route.timeout !== "0s";
        assert.equal(limited, method.methodKind === "unary", `${route.name}: a call has a timeout, a stream has none`);
        assert.ok(route.retries, `${route.name} states no retries, and Istio's default is 2`);
        const mayRepeat = method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN;
        assert.ok(
          mayRepeat || route.retries.attempts === 0,
          `${route.name} retries ${method.name}, which is not idempotent`,
        );
      }
      assert.equal(rulesOf(path).length, 1, `${path} stands in one rule of an AuthorizationPolicy of the edge`);
    }
  });

test("the two forms of a call share their route and their rule", () => {
  for (const method of methods) {
    const [rpc, rest] = pathsOf(method) as [string, string];
    assert.deepEqual(routesOf(rpc), routesOf(rest));
    assert.deepEqual(rulesOf(rpc), rulesOf(rest));
  }
});

for (const { typeName, methods } of ledgers)
  test(`${typeName} is called by the sagas' worker alone: no way in from outside, and no retry but the saga's own`, () => {
    const service = typeName.split(".")[1]!;
    for (const { name, idempotency } of methods) {
      assert.equal(idempotency, Idempotency.IDEMPOTENT, `${name} is repeated by sagas`);
      for (const path of [`/${typeName}/${name}`, `/api/v1/${service}/${name}`])
        assert.deepEqual([...routesOf(path), ...rulesOf(path)], [], `${path} is not open at the edge`);
    }
    const callers: Rule[] = objects
      .filter(({ kind, spec }) => kind === "AuthorizationPolicy" && spec.selector?.matchLabels?.app === service)
      .flatMap(({ spec }) => spec.rules);
    const open = callers.filter(({ to }) => to.some(({ operation }) => operation.paths.includes(`/${typeName}/*`)));
    const principals = open.map(({ from }) => from?.flatMap(({ source }) => source.principals));
    assert.deepEqual(principals, [["cluster.local/ns/game/sa/saga-worker"]]);
    const inside: Route[] = objects
      .filter(({ kind, spec }) => kind === "VirtualService" && spec.gateways?.includes("mesh"))
      .filter(({ spec }) => spec.hosts.includes(`${service}.game.svc.cluster.local`))
      .flatMap(({ spec }) => spec.http);
    const route = inside.find(({ match }) => match === undefined);
    assert.deepEqual([route?.timeout, route?.retries?.attempts], ["5s", 0]);
  });

test("no policy names a path that no schema has", () => {
  const known = new Set(methods.flatMap(pathsOf));
  const routed = routes.flatMap(({ match = [] }) => match.map(({ uri }) => uri.exact ?? ""));
  const ruled = rules.flatMap(({ to }) => to.flatMap(({ operation }) => operation.paths ?? []));
  const unknown = [...routed, ...ruled].filter((path) => /^\/(game\.|api\/)/.test(path) && !known.has(path));
  assert.deepEqual(unknown, []);
});

test("every permission that a rule asks for is given to some role, and the other way round", () => {
  const asked = new Set(rules.flatMap(({ when = [] }) => when.flatMap(({ values }) => values)));
  assert.deepEqual([...asked].sort(), [...permissionsOf(["admin"])].sort());
});
