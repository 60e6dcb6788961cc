import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { analyzePolicy } from "../../mesh/tools/analyze.ts";
import { policyDir } from "../../mesh/tools/paths.ts";

test("istioctl analyze finds nothing in the policy", async () => {
  assert.equal(await analyzePolicy(policyDir), undefined);
});

test("istioctl analyze names a host, a gateway and a workload that are not there", async (t) => {
  const policy = await brokenPolicy(t, {
    "traffic/virtual-service-chat.yaml": [/host: chat\./, "host: chatt."],
    "traffic/virtual-service-auth.yaml": [/gateways: \[edge\]/, "gateways: [edgy]"],
    "security/authorization-policy-chat-callers.yaml": [/app: chat/, "app: chatter"],
  });
  const found = (await analyzePolicy(policy)) ?? "";
  assert.match(found, /Error \[IST0101\] \(VirtualService game\/chat .*"chatt\.game\.svc\.cluster\.local"/);
  assert.match(found, /Error \[IST0101\] \(VirtualService game\/auth .*"edgy"/);
  assert.match(found, /Warning \[IST0127\] \(AuthorizationPolicy game\/chat-callers .*app=chatter/);
});

/** A copy of the policy with one text of each file replaced. */
async function brokenPolicy(t: TestContext, edits: Record<string, [RegExp, string]>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "broken-policy-"));
  t.after(() => rm(dir, { recursive: true }));
  await cp(policyDir, dir, { recursive: true });
  for (const [file, [from, to]] of Object.entries(edits)) {
    const text = await readFile(join(dir, file), "utf8");
    assert.match(text, from);
    await writeFile(join(dir, file), text.replace(from, to));
  }
  return dir;
}
