/** What became of a step so far. */
export type StepStatus = "RUNNING" | "COMPLETED" | "FAILED" | "COMPENSATED" | "COMPENSATION_FAILED";
export type Step = { name: string; status: StepStatus };
/** What a person says of a saga that could not help itself: try again, or it is put right by hand. */
export type Repair = "retry" | "settled";
/** Does or undoes one step; called twice with the same `operationId`, it is done once. */
type Action<T> = (operationId: string) => Promise<T>;
export type Saga = ReturnType<typeof createSaga>;

/**
 * Steps that are all done, or all undone.
 *
 * @param id the first part of every operation id, `<id>/<step>`.
 * @param shield runs what a cancellation must not reach: `CancellationScope.nonCancellable`.
 * @param askForRepair waits for a person, who is told which steps failed.
 */
export function createSaga(
  id: string,
  shield: <T>(work: () => Promise<T>) => Promise<T>,
  askForRepair: (failed: string[], error: unknown) => Promise<Repair>,
) {
  const steps: Step[] = [];
  let undos: { step: Step; compensate: Action<boolean> }[] = [];

  async function run<T>(step: Step, forward: Action<T>): Promise<T> {
    if (!steps.includes(step)) steps.push(step);
    try {
      const result = await forward(`${id}/${step.name}`);
      step.status = "COMPLETED";
      return result;
    } catch (error) {
      step.status = "FAILED";
      throw error;
    }
  }

  /** Undoes in reverse and goes on past an undo that failed; those stay in `undos`. */
  async function undoEach(failures: unknown[] = []): Promise<unknown> {
    const left: typeof undos = [];
    for (const { step, compensate } of undos.reverse())
      try {
        if ((await compensate(`${id}/${step.name}`)) || step.status !== "FAILED") step.status = "COMPENSATED";
      } catch (error) {
        step.status = "COMPENSATION_FAILED";
        left.unshift({ step, compensate });
        failures.push(error);
      }
    undos = left;
    return failures[0];
  }

  return {
    /** In the order in which they began. */
    steps: steps as readonly Step[],
    /** `compensate` undoes the step, which may or may not have happened, and says whether there was something to undo. */
    step<T>(name: string, forward: Action<T>, compensate: Action<boolean>): Promise<T> {
      const step: Step = { name, status: "RUNNING" };
      undos.push({ step, compensate }); // before it runs: it may happen although it fails
      return run(step, forward);
    },
    /** The step with no way back, tried until it has answered. Refused, it leaves the way back open. */
    pivot: <T>(name: string, forward: Action<T>) => shield(() => run({ name, status: "RUNNING" }, forward)),
    /** A step after the pivot. It has to be: a person is asked when it is refused. */
    async finish(name: string, forward: Action<unknown>): Promise<void> {
      const step: Step = { name, status: "RUNNING" };
      const once = () =>
        run(step, forward).then(
          () => "done",
          (error) => askForRepair([name], error),
        );
      await shield(async () => {
        while ((await once()) === "retry") step.status = "RUNNING";
      });
      step.status = "COMPLETED";
    },
    /** Undoes all that may have happened, the last step first, and says whether there was something. */
    async undo(): Promise<boolean> {
      const unable = (error: unknown) =>
        askForRepair(
          undos.map(({ step }) => step.name),
          error,
        );
      await shield(async () => {
        for (let error = await undoEach(); undos.length > 0; error = await undoEach())
          if ((await unable(error)) === "settled") for (const { step } of undos.splice(0)) step.status = "COMPENSATED";
      });
      return steps.some(({ status }) => status === "COMPENSATED");
    },
  };
}
