import type { Client } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import type { Stack } from "../../../stack/stack.ts";

/** How long a saga may take to answer a question. */
const askDeadlineMs = 3_000;
/** So many of the last events of a history are told. */
const shownEvents = 6;

/** The sagas that run, by id. */
export async function running(temporal: Client): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of temporal.workflow.list({ query: 'ExecutionStatus = "Running"' }))
    ids.push(workflowId);
  return ids;
}

/** Says which processes are not up, and what each saga that runs waits for. */
export async function describeWaiting({ processes }: Stack, temporal: Client): Promise<string[]> {
  const down = processes
    .filter(({ status }) => status !== "ready")
    .map(({ name, status, detail }) => `${name} is ${status} ${detail}`);
  const sagas = await Promise.all((await running(temporal)).map((id) => describeSaga(temporal, id)));
  return [...down, ...sagas.flat()];
}

/** As Temporal knows it: its task and activities with attempts and last failures, its steps, and how its history ends. */
async function describeSaga(temporal: Client, workflowId: string): Promise<string[]> {
  const handle = temporal.workflow.getHandle(workflowId);
  const { raw, type } = await handle.describe();
  const steps = type === "purchase" ? [await askSteps(temporal, workflowId)] : [];
  const lines = [
    ...describeTask(raw),
    ...describeActivities(raw),
    ...steps,
    ...(await describeEnd(temporal, workflowId)),
  ];
  return [workflowId, ...lines.map((line) => `    ${line}`)];
}

type Description = Awaited<ReturnType<ReturnType<Client["workflow"]["getHandle"]>["describe"]>>["raw"];

function describeTask({ pendingWorkflowTask: task }: Description): string[] {
  if (!task) return [];
  return [
    `workflow task: attempt ${task.attempt}, scheduled ${ago(task.scheduledTime)}, taken ${ago(task.startedTime)}`,
  ];
}

const describeActivities = ({ pendingActivities }: Description): string[] =>
  (pendingActivities ?? []).map(
    ({ activityType, attempt, lastFailure }) =>
      `activity ${activityType?.name}: attempt ${attempt}, last failure: ${lastFailure?.message ?? "none"}`,
  );

async function askSteps(temporal: Client, workflowId: string): Promise<string> {
  interface Shown {
    steps: { name: string; status: string }[];
  }
  try {
    const { steps } = await temporal.withDeadline(Date.now() + askDeadlineMs, () =>
      temporal.workflow.getHandle(workflowId).query<Shown>("purchase"),
    );
    return `steps: ${steps.map(({ name, status }) => `${name} ${status}`).join(", ")}`;
  } catch (error) {
    return `does not say how its steps stand: ${(error as Error).message}`;
  }
}

async function describeEnd(temporal: Client, workflowId: string): Promise<string[]> {
  const { events } = JSON.parse(historyToJSON(await temporal.workflow.getHandle(workflowId).fetchHistory())) as {
    events: { eventId: string; eventTime: string; eventType: string; [attributes: string]: unknown }[];
  };
  return events.slice(-shownEvents).map(({ eventId, eventTime, eventType, ...rest }) => {
    const attributes = Object.entries(rest).find(([name]) => name.endsWith("Attributes"))?.[1];
    const { failure, cause } = (attributes ?? {}) as { failure?: { message: string }; cause?: string };
    const why = failure?.message ?? cause ?? "";
    return `${eventTime} ${eventId} ${eventType} ${why}`.trimEnd();
  });
}

function ago(time: { seconds?: unknown } | null | undefined): string {
  return time?.seconds ? `${Math.round(Date.now() / 1_000 - Number(time.seconds))} s ago` : "by nobody";
}
