import { defineConfig } from "vitest/config";

// No suite is isolated: what it tests is loaded once a worker, and not once a file.

/** A busy machine takes its time: what is waited for ends the wait, and a second says nothing. */
const expectation = { poll: { timeout: 20_000 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["tests/unit/**/*.test.{ts,tsx}"],
          isolate: false,
          // They take milliseconds. Where the machine is busy with other things, that is no failure.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          sequence: { groupOrder: 1 },
          include: ["tests/integration/**/*.test.ts"],
          globalSetup: ["tests/support/global-setup.ts"],
          isolate: false,
          testTimeout: 60_000,
          expect: expectation,
          hookTimeout: 120_000,
          // Two cores, and the faults beside them.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "faults",
          sequence: { groupOrder: 2 },
          include: ["tests/faults/**/*.test.ts"],
          globalSetup: ["tests/support/global-setup.ts"],
          isolate: false,
          testTimeout: 120_000,
          expect: expectation,
          hookTimeout: 120_000,
          // One at a time: they kill, starve and flood, and what they measure is bounded time.
          fileParallelism: false,
        },
      },
    ],
  },
});
