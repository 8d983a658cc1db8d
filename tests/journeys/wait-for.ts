/** Asks again until there is an answer; the test's own time limit ends it otherwise. */
export async function waitFor<T>(ask: () => Promise<T | undefined>, pauseMs = 100): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
