/** Two versions of a service beside each other, as `npm start -- --with chat=v2` runs them, and the policy moves players between them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runVersion } from "../../mesh/local/topology.ts";
import { policyDir, projectDir } from "../../mesh/tools/paths.ts";
import { type Edit, watchMesh } from "../../mesh/tools/watch.ts";
import { provision } from "../../stack/provision/index.ts";
import { startStack } from "../../stack/stack.ts";
import { removeState } from "../../stack/state.ts";
import { joinGame } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf } from "./platform.ts";

test("a second version of chat runs beside the first, and the policy moves a player there and back", async (t) => {
  runVersion("chat", "v2");
  const root = await mkdtemp(join(tmpdir(), "game-mesh-versions-"));
  const policy = join(root, "mesh/istio");
  await cp(policyDir, policy, { recursive: true });
  const istioctl = await provision("istioctl");

  const stack = await startStack({
    stateDir: join(root, "state"),
    only: ["postgres", "redis", "auth", "account", "chat", "chat-2", "chat-v2", "edge"],
  });
  const { stateDir, network } = stack;
  const edits: Edit[] = [];
  const watching = watchMesh({ policy, stateDir, network, istioctl, onEdit: (edit) => edits.push(edit) });
  t.after(async () => {
    await watching.stop();
    await stack.stop();
    removeState(stateDir);
    await rm(root, { recursive: true, force: true });
  });
  await stack.waitReady();
  await until("the second version is part of the mesh", async () => edits.length > 0, 180_000);

  const ada = await joinGame(edgeOf(() => stack));
  const read = (times: number) =>
    Promise.all(
      Array.from({ length: times }, () =>
        until("a read is answered", async () => {
          let version = "";
          await ada.chat.listMessages(
            { channel: "world" },
            {
              onHeader: (headers) => {
                version = headers.get("x-service-version") ?? "";
              },
            },
          );
          return version;
        }),
      ),
    );
  const apply = async (file: string, ...options: string[]) => {
    const count = edits.length;
    execFileSync("git", ["apply", ...options, join(projectDir, "docs/shifts", file)], { cwd: root });
    const { findings } = await until(`${file} is live`, async () => edits[count], 180_000);
    assert.deepEqual(findings, []);
  };

  assert.deepEqual(new Set(await read(30)), new Set(["v1", "v2"]));
  await apply("blue-green/policy.diff");
  assert.deepEqual(new Set(await read(20)), new Set(["v1"]));
  await apply("blue-green/switch.diff");
  assert.deepEqual(new Set(await read(20)), new Set(["v2"]));
  const { message } = await ada.chat.sendMessage({ channel: `zone/${ada.username}`, text: "from the second version" });
  await apply("blue-green/switch.diff", "-R");
  assert.deepEqual(new Set(await read(20)), new Set(["v1"]));
  const { messages } = await ada.chat.listMessages({ channel: `zone/${ada.username}` });
  assert.deepEqual(
    messages.map(({ messageId }) => messageId),
    [message?.messageId],
  );
});
