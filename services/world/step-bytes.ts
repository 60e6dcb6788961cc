/** Numbers of a step: seq, x, y. */
export const stepSize = 3;

/**
 * Reads PlayRequests that take steps, which are nearly all there are, without an object for each. What it can't read it leaves to
 * the usual way: another action, other fields, numbers written longer than they need to be, too many steps.
 */
export interface StepReader {
  /** The numbers of the steps that were read, one step behind the other. */
  readonly steps: Int32Array;
  /** @returns how many steps `bytes` hold; 0 when it is for the usual way. */
  read(bytes: Uint8Array): number;
}

const lengthDelimited = 2;
const tag = (field: number, wireType: number) => (field << 3) | wireType;
/** PlayRequest.moves and Moves.steps; Step.seq, x and y. */
const [movesTag, stepTag] = [tag(2, lengthDelimited), tag(1, lengthDelimited)];
const [seqTag, xTag, yTag] = [tag(1, 0), tag(2, 0), tag(3, 0)];

/** @param maxSteps in one request. */
export function createStepReader(maxSteps: number): StepReader {
  const steps = new Int32Array(stepSize * maxSteps);
  let data: Uint8Array = new Uint8Array();
  let at = 0;
  let end = 0;
  let failed = false;

  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35 && at < end; shift += 7) {
      const byte = data[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    failed = true;
    return 0;
  }

  /** The end of a message that begins here. */
  function enclosed(limit: number): number {
    const size = varint();
    failed ||= size < 0 || size > limit - at;
    return at + size;
  }

  function readStep(place: number, stepEnd: number): void {
    steps.fill(0, place, place + stepSize);
    while (at < stepEnd && !failed) {
      const field = data[at++]!;
      const value = varint();
      if (field === seqTag) steps[place] = value;
      else if (field === xTag || field === yTag) steps[place + (field === xTag ? 1 : 2)] = (value >>> 1) ^ -(value & 1);
      else failed = true;
    }
    failed ||= at !== stepEnd;
  }

  return {
    steps,
    read(bytes) {
      data = bytes;
      at = 0;
      end = bytes.length;
      failed = false;
      if (data[at++] !== movesTag || enclosed(end) !== end) return 0;
      let count = 0;
      for (; at < end && !failed; count++) {
        if (count === maxSteps || data[at++] !== stepTag) return 0;
        const stepEnd = enclosed(end);
        if (!failed) readStep(stepSize * count, stepEnd);
      }
      return failed ? 0 : count;
    },
  };
}
