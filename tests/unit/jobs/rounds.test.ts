import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createWorker } from "../../../app/jobs/worker.server";

/** Rounds that fail as soon as they are told to. */
function startRounds() {
  const failing: (() => void)[] = [];
  const errors: string[] = [];
  const error = (event: string) => void errors.push(event);
  const silent = () => {};
  const worker = createWorker({ log: { error, info: silent, warn: silent, debug: silent } });
  worker.start({
    kind: "erasing",
    everySeconds: 60,
    run: () => new Promise((_, reject) => failing.push(() => reject(new Error("odd")))),
  });
  const fail = async () => {
    failing.at(-1)?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { begun: () => failing.length, errors, fail, stop: () => worker.stop() };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("rounds", () => {
  it.each([
    ["soonest", 0, 45_000],
    ["usually", 0.5, 60_000],
    ["latest", 1, 75_000],
  ])(
    "begin at once, and again a minute after one has ended, %s, whatever came of it",
    async (_, random, ms) => {
      vi.spyOn(Math, "random").mockReturnValue(random);
      const rounds = startRounds();
      expect(rounds.begun()).toBe(1);
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      expect(rounds.begun()).toBe(1);
      for (let round = 1; round < 4; round++) {
        await rounds.fail();
        expect(rounds.errors).toHaveLength(round);
        await vi.advanceTimersByTimeAsync(ms - 1);
        expect(rounds.begun()).toBe(round);
        await vi.advanceTimersByTimeAsync(1);
        expect(rounds.begun()).toBe(round + 1);
      }
      expect(new Set(rounds.errors)).toEqual(new Set(["jobs.run-failed"]));
    },
  );

  it("end with the one under way, which is waited for", async () => {
    const rounds = startRounds();
    const stopped = vi.fn();
    void rounds.stop().then(stopped);
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(stopped).not.toHaveBeenCalled();
    await rounds.fail();
    expect(stopped).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(rounds.begun()).toBe(1);
  });

  it("end between two of them", async () => {
    const rounds = startRounds();
    await rounds.fail();
    expect(vi.getTimerCount()).toBe(1);
    await rounds.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
