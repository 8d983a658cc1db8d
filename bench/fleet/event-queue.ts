/** Times of events to come; the earliest comes out first. A binary heap. */
export class EventQueue {
  readonly #times: number[] = [];

  push(time: number): void {
    const times = this.#times;
    let at = times.push(time) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && time < (times[parent] ?? 0); parent = (at - 1) >> 1) {
      times[at] = times[parent] ?? 0;
      at = parent;
    }
    times[at] = time;
  }

  /** Takes the earliest out; undefined when there is none. */
  pop(): number | undefined {
    const times = this.#times;
    const [first] = times;
    const last = times.pop();
    if (first === undefined || last === undefined || times.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [toLeft, toRight] = [times[left] ?? Number.POSITIVE_INFINITY, times[left + 1] ?? Number.POSITIVE_INFINITY];
      const earlier = Math.min(toLeft, toRight);
      if (last <= earlier) break;
      times[at] = earlier;
      at = toLeft <= toRight ? left : left + 1;
    }
    times[at] = last;
    return first;
  }
}
