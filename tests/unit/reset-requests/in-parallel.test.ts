import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inParallel } from "../../../app/reset-requests/in-parallel";

describe("several things done a few at a time", () => {
  it("are as many at once as told, each once, with their results in order", async () => {
    let atOnce = 0;
    let most = 0;
    const items = Array.from({ length: 20 }, (_, index) => index);
    const results = await inParallel(items, 4, async (item) => {
      most = Math.max(most, ++atOnce);
      await sleep(item % 3);
      atOnce -= 1;
      return item * 2;
    });
    expect(results).toEqual(items.map((item) => item * 2));
    expect(most).toBe(4);
    expect(await inParallel([], 4, async () => 1)).toEqual([]);
    expect(await inParallel([7], 4, async (item) => item)).toEqual([7]);
  });

  it("end with the first failure: what is under way is waited for, and no more is begun", async () => {
    const begun: number[] = [];
    const done: number[] = [];
    const failure = new Error("two");
    const act = async (item: number) => {
      begun.push(item);
      await sleep(item === 1 ? 20 : 1);
      if (item === 2) throw failure;
      done.push(item);
    };
    await expect(inParallel([1, 2, 3, 4, 5], 2, act)).rejects.toBe(failure);
    expect(begun).toEqual([1, 2]);
    expect(done).toEqual([1]);
  });

  it("fail with the first of several failures", async () => {
    const act = async (item: number) => {
      await sleep(item);
      throw new Error(String(item));
    };
    await expect(inParallel([20, 1], 2, act)).rejects.toThrow("1");
  });
});
