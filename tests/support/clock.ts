/** A clock that stands until it is moved. It begins with the machine's time, because engines have clocks of their own. */
export function createTestClock(start = new Date()) {
  let time = start.getTime();
  return {
    now: () => new Date(time),
    advance(ms: number) {
      time += ms;
    },
  };
}
