/** What became of a step so far. */
export type StepStatus = "RUNNING" | "COMPLETED" | "FAILED" | "COMPENSATED" | "COMPENSATION_FAILED";
export type Step = { name: string; status: StepStatus };
/** What a person says of a saga that could not help itself: try again, or it is put right by hand. */
export type Repair = "retry" | "settled";
/** Does or undoes one step; called again with the same id, nothing more is done. */
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
  function begin(step: Step): Step {
    step.status = "RUNNING";
    steps.push(step);
    return step;
  }
  const unplanned = (name: string) => begin({ name, status: "RUNNING" });
  function planned(name: string): Step {
    const undo = undos.find(({ step }) => step.name === name);
    if (!undo) throw new Error(`${name} is not in the plan: nothing would undo it`);
    return begin(undo.step);
  }
  async function run<T>(step: Step, forward: Action<T>): Promise<T> {
    const result = await forward(`${id}/${step.name}`).catch((error) => {
      step.status = "FAILED";
      throw error;
    });
    step.status = "COMPLETED";
    return result;
  }

  /** Undoes in reverse, and goes on past an undo that failed: those stay in `undos`. */
  async function undoEach(errors: unknown[] = []): Promise<unknown> {
    const tried = undos.reverse();
    undos = [];
    for (const { step, compensate } of tried)
      try {
        step.status = (await compensate(`${id}/${step.name}`)) ? "COMPENSATED" : "FAILED";
        if (step.status === "COMPENSATED" && !steps.includes(step)) steps.push(step);
      } catch (error) {
        step.status = "COMPENSATION_FAILED";
        undos.unshift({ step, compensate });
        errors.push(error);
      }
    return errors[0];
  }

  return {
    /** In the order in which they began. */
    steps: steps as readonly Step[],
    /**
     * All steps before the pivot, by name, with what undoes each, which may or may not have happened, and says whether there was something to
     * undo. Before the first runs: a worker that dies may have come further than the next, which knows nothing of it.
     */
    plan(compensations: Record<string, Action<boolean>>): void {
      undos = Object.entries(compensations).map(([name, compensate]) => ({
        step: { name, status: "FAILED" },
        compensate,
      }));
    },
    /** A step of the plan. */
    step: async <T>(name: string, forward: Action<T>): Promise<T> => run(planned(name), forward),
    /** The step with no way back, tried until it has answered. When it is refused, the steps before it can be undone. */
    pivot: <T>(name: string, forward: Action<T>): Promise<T> => shield(() => run(unplanned(name), forward)),
    /** A step after the pivot. It has to be: when it is refused, a person is asked. */
    async finish(name: string, forward: Action<unknown>): Promise<void> {
      const step = unplanned(name);
      const once = () => run(step, forward).catch((error) => askForRepair([name], error));
      await shield(async () => {
        while ((await once()) === "retry") step.status = "RUNNING";
      });
      step.status = "COMPLETED";
    },
    /** Undoes what may have happened, the last step first, and says whether there was something. */
    async undo(): Promise<boolean> {
      const left = () => undos.map(({ step }) => step.name);
      await shield(async () => {
        for (let error = await undoEach(); undos.length > 0; error = await undoEach())
          if ((await askForRepair(left(), error)) === "settled")
            for (const { step } of undos.splice(0)) step.status = "COMPENSATED";
      });
      return steps.some(({ status }) => status === "COMPENSATED");
    },
  };
}
