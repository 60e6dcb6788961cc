/** The whole platform, started once: the real edge, sidecars and engines. The suites run one after another, the killing ones last. */
import { after, before } from "node:test";
import type { Stack } from "../../stack/stack.ts";
import { createTestStack } from "../support/stack.ts";
import { aroundTheMesh } from "./around-the-mesh.ts";
import { authDown } from "./auth-down.ts";
import { basicFlow } from "./basic-flow.ts";
import { endedSessions } from "./ended-sessions.ts";
import { enginesKilled } from "./engines-killed.ts";
import { keyRotation } from "./key-rotation.ts";
import { crowd } from "./load.ts";
import { matchmaking } from "./match.ts";
import { protocolsAlike } from "./protocols.ts";
import { traces } from "./traces.ts";

let stack: Stack;
const platform = () => stack;

before(async () => {
  stack = await createTestStack({ env: { AUTH_KEY_ACTIVATION_S: "10" } });
});
after(() => stack?.stop());

basicFlow(platform);
protocolsAlike(platform);
matchmaking(platform);
endedSessions(platform);
aroundTheMesh(platform);
traces(platform);
crowd(platform);
keyRotation(platform);
authDown(platform);
enginesKilled(platform);
