/** What a person can understand and mend: shown as one line, without a stack trace. */
export class Fault extends Error {
  override name = "Fault";
}

/** The line to show for anything that was thrown. */
export function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A refused connection to a name with several addresses has its words inside.
  if (error instanceof AggregateError && error.errors.length > 0) return lineOf(error.errors[0]);
  return error.message.split("\n", 1)[0]!;
}
