import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Saga, type SagaStatistics, SagaStatus } from "../../gen/game/analytics/v1/saga_pb.ts";
import { elapsed } from "../elapsed.ts";

/** The state of all sagas, for people. */
export function drawSagas(statistics: SagaStatistics[], needRepair: Saga[], now = Date.now()): string[] {
  if (statistics.length === 0) return ["No saga has run so far."];
  const head = ["", "started", "completed", "failed", "compensated", "need repair", "average", "p99"];
  const rows = statistics.map((of) => [
    of.type,
    ...[of.started, of.completed, of.failed, of.compensated, of.needsRepair].map(String),
    seconds(of.averageDurationS),
    seconds(of.p99DurationS),
  ]);
  const failures = statistics.flatMap(({ lastFailures }) => lastFailures);
  return [
    ...table([head, ...rows]),
    ...(failures.length > 0 ? ["", "The last that failed:", ...table(failures.map((saga) => line(saga, now)))] : []),
    ...(needRepair.length > 0
      ? [
          "",
          "These need a person:",
          ...table(needRepair.map((saga) => line(saga, now))),
          "",
          "When the cause is mended:  npm run sagas -- repair <id>",
          "When you put it right:     npm run sagas -- repair <id> --settled",
        ]
      : []),
  ];
}

const statusNames = new Map<number, string>(
  Object.entries(SagaStatus).map(([name, value]) => [value, name.toLowerCase()]),
);

function line({ sagaId, status, reason, traceId, startTime }: Saga, now: number): string[] {
  const ago = startTime ? `${elapsed(now - timestampDate(startTime).getTime())} ago` : "";
  return [sagaId, statusNames.get(status) ?? "", reason, ago, traceId && `npm run trace -- ${traceId}`];
}

const seconds = (value: number): string => `${value.toFixed(2)} s`;

function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
