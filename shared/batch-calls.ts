export interface BatchOptions<Call, Outcome> {
  /** Sends calls as one statement and resolves to their outcomes, in the calls' order. */
  send: (calls: Call[]) => Promise<Outcome[]>;
  /** Calls are sent in this order, so that statements which meet lock their rows in one. */
  orderBy: (call: Call) => string;
  /** Whether an error is no call's own fault, such as a database that is away: then everybody gets it. */
  isShared: (error: unknown) => boolean;
  maxCalls: number;
  maxInFlight: number;
  /** How long calls wait for the statements in flight before one more goes beside them. */
  patienceMs: number;
}

interface Waiting<Call, Outcome> {
  call: Call;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers calls: those that arrive while a statement is in flight share the next one. A call that finds none in its way
 * is sent at once; beside others goes a statement that is full, or whose calls have waited long enough: few large
 * statements cost far less than many small ones, and one that hangs must not hold up the rest. Each caller gets its own
 * outcome; when a statement fails, its calls are sent again in halves, until whoever made it fail is alone with the error.
 */
export function batchCalls<Call, Outcome>(options: BatchOptions<Call, Outcome>): (call: Call) => Promise<Outcome> {
  const { orderBy, maxCalls, maxInFlight, patienceMs } = options;
  const waiting: Waiting<Call, Outcome>[] = [];
  let inFlight = 0;
  let patience: ReturnType<typeof setTimeout> | undefined;

  const sendNext = async () => {
    clearTimeout(patience);
    patience = undefined;
    inFlight++;
    const batch = waiting.splice(0, maxCalls).map((one) => ({ ...one, order: orderBy(one.call) }));
    await settle(
      batch.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)),
      options,
    );
    inFlight--;
    sendWhatMayGo();
  };

  const sendWhatMayGo = () => {
    if (waiting.length === 0 || inFlight >= maxInFlight) return;
    if (inFlight === 0 || waiting.length >= maxCalls) void sendNext();
    else patience ??= setTimeout(() => void sendNext(), patienceMs);
  };

  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject });
      sendWhatMayGo();
    });
}

/** Never rejects: every failure is some caller's. */
async function settle<Call, Outcome>(
  batch: Waiting<Call, Outcome>[],
  options: BatchOptions<Call, Outcome>,
): Promise<void> {
  try {
    const outcomes = await options.send(batch.map(({ call }) => call));
    if (outcomes.length !== batch.length) {
      throw new Error(`${batch.length} calls were sent as one and ${outcomes.length} outcomes came back`);
    }
    for (const [index, outcome] of outcomes.entries()) batch[index]?.resolve(outcome);
  } catch (error) {
    if (batch.length > 1 && !options.isShared(error)) {
      const half = Math.ceil(batch.length / 2);
      await settle(batch.slice(0, half), options);
      await settle(batch.slice(half), options);
      return;
    }
    for (const { reject } of batch) reject(error);
  }
}
