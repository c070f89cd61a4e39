import { defineConfig } from "@playwright/test";
import { findChromium } from "./tests/support/debian-packages.mjs";

/**
 * The browser tests. The whole stack is started once (tests/e2e/global-setup.ts): PostgreSQL, a real
 * Keystone, a real SMTP server and the built server. A test tagged `@phone` runs on a narrow screen
 * too. When all have run, the last project looks for every secret they used, in the database and in
 * the logs.
 */
export default defineConfig({
  testDir: "tests/e2e",
  outputDir: "test-results",
  globalSetup: "./tests/e2e/global-setup.ts",
  globalTimeout: 20 * 60_000,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  retries: 0,
  // Two cores, and Keystone wants one of them.
  workers: 2,
  fullyParallel: true,
  reporter: "list",
  use: {
    trace: "off",
    video: "off",
    screenshot: "only-on-failure",
    locale: "en-GB",
    launchOptions: {
      executablePath: findChromium(),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
  projects: [
    { name: "ready", testMatch: "*.setup.ts", teardown: "secrets" },
    {
      name: "desktop",
      dependencies: ["ready"],
      use: { viewport: { width: 1280, height: 800 } },
    },
    {
      name: "phone",
      dependencies: ["ready"],
      grep: /@phone/,
      use: {
        viewport: { width: 360, height: 740 },
        deviceScaleFactor: 2,
        isMobile: true,
        hasTouch: true,
      },
    },
    { name: "secrets", testMatch: "*.teardown.ts" },
  ],
});
