/** What is known of a client's sequence number. */
export type Judgement<A> = { answered: A } | "fresh" | "old" | "ahead";

/** The sequence numbers of one client: each is answered once, and a repeat of a recent one with the first answer. */
export interface Sequence<A> {
  /** The highest that was answered. */
  readonly highest: number;
  judge(number: number): Judgement<A>;
  note(number: number, answer: A): void;
}

/** So far below the highest a number may still come: networks and streams reorder. */
export const window = 64;
/** So far above it may be: a client that lost count would shut itself out. */
export const leap = 1_000_000;

/** @param highest of an earlier life of this process: it and all below count as used. */
export function createSequence<A>(highest = 0): Sequence<A> {
  const answers = new Map<number, A>();
  const floor = highest;
  return {
    get highest() {
      return highest;
    },
    judge(number) {
      const answer = answers.get(number);
      if (answer !== undefined) return { answered: answer };
      if (number <= floor || number <= highest - window) return "old";
      return number > highest + leap ? "ahead" : "fresh";
    },
    note(number, answer) {
      answers.set(number, answer);
      highest = Math.max(highest, number);
      for (const one of answers.keys()) if (one <= highest - window) answers.delete(one);
    },
  };
}
