import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Client, Connection, WorkflowNotFoundError } from "@temporalio/client";
import { AnalyticsService } from "../../gen/game/analytics/v1/analytics_service_pb.ts";
import { type Saga, SagaStatus } from "../../gen/game/analytics/v1/saga_pb.ts";
import { call } from "../cli/players.ts";
import { temporalNamespace } from "../engines/temporal.ts";
import { Fault } from "../fault.ts";

/** What analytics knows of the sagas, through the edge at `edge`, as the admin of the stack in `stateDir`. */
export async function readSagas(edge: string, stateDir: string) {
  const password = readFileSync(join(stateDir, "secrets/auth-admin-password"), "utf8").trim();
  const { accessToken } = await call<{ accessToken: string }>(edge, "auth/Authenticate", {
    username: "admin",
    password,
  });
  const transport = createConnectTransport({
    baseUrl: edge,
    httpVersion: "2",
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${accessToken}`);
        return next(request);
      },
    ],
  });
  const analytics = createClient(AnalyticsService, transport);
  const [{ statistics }, { sagas }] = await Promise.all([
    analytics.getSagaStatistics({}),
    analytics.listSagas({ status: SagaStatus.NEEDS_REPAIR, pageSize: 200 }),
  ]);
  return { statistics, needRepair: sagas as Saga[] };
}

/**
 * Tells a saga that needs repair what a person has decided: `retry` what failed, or that it is `settled` by hand.
 *
 * @throws Fault when Temporal has no such saga, or it has ended.
 */
export async function repairSaga(temporal: string, sagaId: string, decision: "retry" | "settled"): Promise<void> {
  const connection = await Connection.connect({ address: temporal, connectTimeout: "3s" });
  try {
    const { workflow } = new Client({ connection, namespace: temporalNamespace });
    await workflow.getHandle(sagaId).signal("repair", decision);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new Fault(`no saga ${sagaId} waits: it is unknown or has ended`);
    throw error;
  } finally {
    await connection.close();
  }
}
