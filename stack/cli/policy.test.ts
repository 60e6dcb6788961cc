import assert from "node:assert/strict";
import { test } from "node:test";
import { workloads } from "../../mesh/local/topology.ts";
import { describeEdit } from "./policy.ts";

const names = workloads.map(({ name }) => name);
const live = (laid: Partial<NonNullable<Parameters<typeof describeEdit>[0]["laid"]>>, files = ["limits/a.yaml"]) =>
  describeEdit({
    files,
    laid: { workloads: [], listeners: [], restart: [], ...laid },
    findings: [],
    tookMs: 840,
  }).map(([text]) => text);

test("an edit that is live is told in one line, with what it means", () => {
  assert.deepEqual(live({ workloads: ["edge"] }), ["limits/a.yaml: live at edge after 0.8 s"]);
  assert.deepEqual(live({ workloads: names }), ["limits/a.yaml: live at every Envoy after 0.8 s"]);
  assert.deepEqual(live({ workloads: ["edge"], listeners: ["edge"] }), [
    "limits/a.yaml: live at edge after 0.8 s; rate limits begin anew",
  ]);
  assert.deepEqual(live({ workloads: ["edge"], restart: ["edge"] }), [
    "limits/a.yaml: live at edge after 0.8 s; in part only after npm run restart -- edge",
  ]);
  assert.deepEqual(live({}), ["limits/a.yaml: changes nothing for Envoy"]);
  assert.deepEqual(live({}, []), ["the policy is again what is live"]);
});

test("an edit that is refused is told with file, line and reason", () => {
  const findings = [{ file: "traffic/a.yaml", line: 17, reason: 'unknown field "timeoutt"' }];
  assert.deepEqual(describeEdit({ files: ["traffic/a.yaml"], findings, tookMs: 300 }), [
    ['mesh/istio/traffic/a.yaml:17: unknown field "timeoutt"', "bad"],
    ["refused; the policy of before stays", "bad"],
  ]);
});
