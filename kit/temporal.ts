import { Connection, isGrpcServiceError, ServiceError, WorkflowClient } from "@temporalio/client";
import { OpenTelemetryWorkflowClientInterceptor } from "@temporalio/interceptors-opentelemetry-v2";
import { refuse } from "./errors.ts";

/** Where the platform's workflows run. */
export const temporalNamespace = "game";
/** Where the worker takes them from. */
export const sagaQueue = "sagas";
/** For `start`: a worker that has died loses what it was at after so long. Twice what one try of a step may take. */
export const workflowTaskTimeout = "6s";

/** Long enough for a slow answer, short enough for the player who waits. */
const timeoutMs = 2_000;

export interface TemporalClient {
  /**
   * Makes calls of Temporal, which must be answered within `withinMs`, 2 s unless given.
   *
   * @throws ConnectError UNAVAILABLE with retry-after while Temporal is away. Other errors are Temporal's own.
   */
  ask<T>(call: (workflows: WorkflowClient) => Promise<T>, withinMs?: number): Promise<T>;
  /** Throws when Temporal does not answer. */
  ping(): Promise<undefined>;
  close(): Promise<void>;
}

/** Connects when it is first needed; Temporal need not be there yet. */
export function connectTemporal(options: { address: string; identity: string }): TemporalClient {
  const connection = Connection.lazy({
    address: options.address,
    // A call finds Temporal away at once: the player who is told so tries again.
    interceptors: [],
    connectTimeout: timeoutMs,
    channelArgs: { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 1_000 },
  });
  const workflows = new WorkflowClient({
    connection,
    namespace: temporalNamespace,
    identity: options.identity,
    interceptors: [new OpenTelemetryWorkflowClientInterceptor()],
    // A workflow that was ended by hand would answer as if it still ran.
    queryRejectCondition: "NOT_COMPLETED_CLEANLY",
  });
  return {
    async ask(call, withinMs = timeoutMs) {
      try {
        return await connection.withDeadline(Date.now() + withinMs, () => call(workflows));
      } catch (error) {
        if (isTemporalAway(error))
          throw refuse("dependency_away", "sagas cannot run now, try again", { retryAfterS: 2, cause: error });
        throw error;
      }
    },
    async ping() {
      await connection.withDeadline(Date.now() + 1_500, () => connection.workflowService.getSystemInfo({}));
      return undefined;
    },
    close: () => connection.close(),
  };
}

/** UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, and RESOURCE_EXHAUSTED: Temporal has too much to do. */
const awayCodes = new Set([14, 4, 1, 8]);

function isTemporalAway(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && awayCodes.has(cause.code);
}
