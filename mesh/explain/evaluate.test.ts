import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Call } from "./call.ts";
import { evaluate } from "./evaluate.ts";
import { at } from "./field.ts";
import { credentials } from "./people.ts";
import { readPolicy } from "./policy.ts";

const files = new Map([
  ["mesh/istio/mesh-config.yaml", "pathNormalization: { normalization: MERGE_SLASHES }\n"],
  [
    "mesh/istio/traffic/routes.yaml",
    `kind: VirtualService
metadata: { name: b }
spec:
  gateways: [edge]
  http:
    - { name: rest, directResponse: { status: 404 } }
---
kind: VirtualService
metadata: { name: c }
spec:
  gateways: [edge]
  http:
    - name: canary
      match: [{ uri: { prefix: /shop/ }, headers: { x-group: { exact: b } } }]
      rewrite: { uri: /b/ }
      route:
        - { destination: { host: shop.game.svc.cluster.local, subset: v1 }, weight: 90 }
        - { destination: { host: shop.game.svc.cluster.local, subset: v2 }, weight: 10 }
      timeout: 2s
      fault: { delay: { percentage: { value: 5 }, fixedDelay: 3s } }
    - name: broken
      match: [{ uri: { regex: "/fault/\\\\d+" } }]
      route: [{ destination: { host: shop.game.svc.cluster.local } }]
      fault: { abort: { percentage: { value: 100 }, httpStatus: 418 } }
`,
  ],
  [
    "mesh/istio/security/closed.yaml",
    `kind: AuthorizationPolicy
metadata: { name: closed }
spec:
  action: DENY
  rules: [{ to: [{ operation: { paths: ["*/secret"] } }] }]
`,
  ],
]);
const policy = readPolicy(files);
const call = (target: string, headers: [string, string][] = []): Call => ({
  ...{ method: "GET", target, headers: new Map(headers), http1: false, client: "1.2.3.4", signature: "good" },
});

describe("a policy as Istio reads it", () => {
  test("a route for all stands last, whatever its object is called", () => {
    assert.equal(evaluate(policy, call("/shop/x", [["x-group", "b"]])).route?.name, "canary");
    assert.equal(evaluate(policy, call("/shop/x", [["x-group", "a"]])).status, 404);
  });

  test("a canary shows its shares, its faults and what the service sees", () => {
    const verdict = evaluate(policy, call("/shop/x?y", [["x-group", "b"]]));
    assert.equal(verdict.upstreamPath, "/b/x?y");
    const says = verdict.lines.map((line) => line.says);
    assert.ok(says.includes("10 % to shop.game.svc.cluster.local, v2"));
    assert.ok(says.includes("5 % of the calls wait 3s"));
    assert.equal(verdict.lines.find(({ topic }) => topic === "timeout")?.says, "2s");
  });

  test("a fault that meets every call refuses", () => {
    const { status, refusal } = evaluate(policy, call("/fault/7"));
    assert.equal(status, 418);
    assert.equal(refusal && at(refusal.at), "mesh/istio/traffic/routes.yaml:24");
  });

  test("DENY comes before everything that allows", () => {
    const { refusal } = evaluate(policy, call("/shop/secret", [["x-group", "b"]]));
    assert.equal(refusal?.object.name, "closed");
  });

  test("a file that is no YAML is named with its line", () => {
    assert.throws(
      () => readPolicy(new Map([["mesh/istio/x.yaml", "a: 1\nb: [\n"]])),
      /^Error: mesh\/istio\/x\.yaml:\d: /,
    );
  });
});

test("who calls is a role, a list of permissions, a token, or nobody", () => {
  assert.equal(credentials({ as: "nobody" }).authorization, undefined);
  assert.equal(credentials({ as: "moderator7" }).who, "moderator7, a moderator");
  assert.equal(credentials({ permissions: ["chat:read"] }).who, "somebody, with chat:read");
  assert.equal(credentials({ token: "x.y.z" }).signature, "unchecked");
  assert.throws(() => credentials({ as: "ghost" }), /begins with a role/);
});
