import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadCases } from "../cases/format.ts";
import { changedCalls, changedCases, changedObjects } from "./diff.ts";
import { drawCalls, drawCases, drawObjects } from "./diff-report.ts";
import { policyTexts, readPolicy } from "./policy.ts";

const texts = policyTexts();
const before = readPolicy(texts);
const chat = "mesh/istio/traffic/virtual-service-chat.yaml";
const limits = "mesh/istio/limits/envoy-filter-edge-rate-limits.yaml";
const permissions = "mesh/istio/security/authorization-policy-edge-chat.yaml";

/** The policy with a text of a file replaced, everywhere in the file. */
function edited(file: string, from: string, to: string) {
  const text = texts.get(file)!;
  assert.ok(text.includes(from), `${file} has "${from}"`);
  return readPolicy(new Map([...texts, [file, text.replaceAll(from, to)]]));
}

describe("a change of the policy in terms of calls", () => {
  test("nothing differs from itself", () => {
    const after = readPolicy(texts);
    assert.deepEqual(changedObjects(before, after), []);
    assert.deepEqual(changedCalls(before, after), []);
    assert.deepEqual(changedCases(before, after, loadCases()), []);
  });

  test("a timeout of one route is one row, for the RPC in both its forms", () => {
    const after = edited(
      chat,
      "timeout: 5s\n      retries: { attempts: 0 }",
      "timeout: 3s\n      retries: { attempts: 0 }",
    );
    const [change, ...others] = changedCalls(before, after);
    assert.deepEqual(others, []);
    assert.equal(change!.topic, "timeout");
    assert.deepEqual([change!.before, change!.after], ["5s", "3s"]);
    assert.ok(change!.calls.includes("chat.SendMessage"));
    assert.ok(!change!.calls.includes("chat.ListMessages"));
    assert.match(change!.at, /^mesh\/istio\/traffic\/virtual-service-chat\.yaml:\d+$/);
  });

  test("a limit is shown with the cases that notice it", () => {
    const after = edited(limits, "max_tokens: 20, tokens_per_fill: 10,", "max_tokens: 2, tokens_per_fill: 1,");
    assert.deepEqual(
      changedCalls(before, after).map(({ calls, topic }) => [calls, topic]),
      [[["chat.SendMessage"], "limit, of a user"]],
    );
    const cases = changedCases(before, after, loadCases());
    assert.ok(cases.some(({ fails, subject }) => fails && subject.at.startsWith("tests/mesh/cases/limits.yaml:")));
  });

  test("a permission that is asked of another call turns the answers of its cases", () => {
    const after = edited(permissions, 'values: ["chat:send"]', 'values: ["chat:shout"]');
    const [change] = changedCalls(before, after);
    assert.deepEqual(
      [change!.calls, change!.topic, change!.before, change!.after],
      [["chat.SendMessage"], "permission", "POST: chat:send", "POST: chat:shout"],
    );
    const found = changedCases(before, after, loadCases()).find(({ subject }) =>
      subject.name.startsWith("with chat:send"),
    );
    assert.equal(found!.before, "200 from chat");
    assert.equal(found!.after, "403 permission_denied by AuthorizationPolicy edge-chat");
    assert.equal(found!.fails, true);
  });

  test("a path that is routed no more, in one form only, is named by its path", () => {
    const after = edited(chat, "        - { name: SendMessage, uri: { exact: /api/v1/chat/SendMessage } }\n", "");
    const [route] = changedCalls(before, after).filter(({ topic }) => topic === "route");
    assert.deepEqual(route!.calls, ["/api/v1/chat/SendMessage"]);
    assert.deepEqual([route!.before, route!.after], ["chat-write.SendMessage", "404 by the edge"]);
  });

  test("an object that is gone", () => {
    const after = readPolicy(new Map([...texts].filter(([file]) => file !== permissions)));
    const [change] = changedObjects(before, after);
    assert.deepEqual([change!.object, change!.after], ["AuthorizationPolicy edge-chat", "removed"]);
    assert.ok(changedCalls(before, after).some(({ after: now }) => now === "closed for all"));
  });

  test("the report is a table that can be copied", () => {
    const after = edited(limits, "max_tokens: 20, tokens_per_fill: 10,", "max_tokens: 2, tokens_per_fill: 1,");
    const lines = [
      ...drawObjects(changedObjects(before, after)),
      ...drawCalls(changedCalls(before, after)),
      ...drawCases(changedCases(before, after, loadCases()), loadCases().length),
    ];
    assert.ok(
      lines.some((line) =>
        /chat\.SendMessage +limit, of a user +20, then 10 per 1 s .* -> +2, then 1 per 1 s/.test(line),
      ),
      lines.join("\n"),
    );
  });
});
