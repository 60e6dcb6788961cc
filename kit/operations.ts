import { Code } from "@connectrpc/connect";
import type pg from "pg";
import { defineRefusals } from "./errors.ts";

/**
 * Work that may be asked for any number of times, late, and after its undo, and is done at most once. It is named by whoever asks: a saga by
 * its workflow and step, a client by its request id. Its row in the table `operation` belongs to the transaction of the work.
 */

const refuse = defineRefusals("operation", {
  operation_differs: Code.FailedPrecondition,
  operation_undone: Code.FailedPrecondition,
});

/** What is asked for, as JSON: the same name must always come with the same. */
export interface OperationRequest {
  kind: string;
  [field: string]: unknown;
}

interface Row {
  request: OperationRequest | null;
  answer: unknown;
  undone: boolean | null;
  same: boolean;
}

/**
 * Does `work`, unless it was done before: then the first answer is given.
 *
 * A refusal of `work` is not remembered, so that the same may succeed later. Whoever asks at the same time waits for this transaction.
 *
 * @returns the answer of `work`, as JSON has it.
 * @throws ConnectError FAILED_PRECONDITION: `operation_undone` when the undo came first, `operation_differs` when the name was given to something else.
 */
export async function doOnce<A>(
  client: pg.ClientBase,
  operationId: string,
  request: OperationRequest,
  work: () => Promise<A>,
): Promise<A> {
  const asked = JSON.stringify(request);
  const { rowCount } = await client.query({
    name: "begin_operation",
    text: "insert into operation (operation_id, request, answer) values ($1, $2, 'null') on conflict do nothing",
    values: [operationId, asked],
  });
  if (rowCount === 0) {
    const { undone, same, answer } = await find(client, operationId, asked);
    if (undone !== null) throw refuse("operation_undone", "this operation was undone, and is not done any more");
    if (!same) throw refuse("operation_differs", "an operation of this name asked for something else");
    return answer as A;
  }
  const answer = await work();
  if (answer !== undefined && answer !== null)
    await client.query({
      name: "answer_operation",
      text: "update operation set answer = $2 where operation_id = $1",
      values: [operationId, JSON.stringify(answer)],
    });
  return answer;
}

/**
 * Undoes an operation by `work`, which says whether there was something to undo. Undone twice, it gives the first answer. An operation
 * that was not done yet is refused from now on.
 *
 * @param kind of the operation that is undone.
 * @returns whether something was undone.
 * @throws ConnectError FAILED_PRECONDITION (`operation_differs`) when the operation is of another kind.
 */
export async function undoOnce(
  client: pg.ClientBase,
  operationId: string,
  kind: string,
  work: (request: OperationRequest) => Promise<boolean>,
): Promise<boolean> {
  const { rowCount } = await client.query(
    "insert into operation (operation_id, undone, undo_time) values ($1, false, now()) on conflict do nothing",
    [operationId],
  );
  if (rowCount === 1) return false;
  const { request, undone } = await find(client, operationId);
  if (request && request.kind !== kind)
    throw refuse("operation_differs", "an operation of this name asked for something else");
  if (undone !== null || !request) return undone ?? false;
  const found = await work(request);
  await client.query("update operation set undone = $2, undo_time = now() where operation_id = $1", [
    operationId,
    found,
  ]);
  return found;
}

/** Locks the row, so that the forward step, its repeat and its undo come one after the other. */
async function find(client: pg.ClientBase, operationId: string, asked: string | null = null): Promise<Row> {
  const { rows } = await client.query<Row>(
    "select request, answer, undone, request = $2::jsonb as same from operation where operation_id = $1 for update",
    [operationId, asked],
  );
  return rows[0]!;
}
