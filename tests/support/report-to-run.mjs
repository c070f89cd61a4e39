/**
 * What tests/run.mjs wants to know of a run of vitest: how many tests held, and why the others did not.
 * As a reporter it sees what the JSON reporter leaves out: the error of a hook, for which its tests are
 * only skipped.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

/**
 * @typedef {object} Tests of a suite
 * @property {number} passed
 * @property {number} failed what was not run has not held: it counts as failed
 * @property {string[]} failures where, and the first line of the error
 */

export default class ReportToRun {
  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly { message: string }[]} besides errors that belong to no test
   */
  onTestRunEnd(modules, besides) {
    /** @type {Tests} */
    const report = { passed: 0, failed: 0, failures: [] };
    const add = (
      /** @type {string} */ where,
      /** @type {readonly { message: string }[]} */ errors,
    ) => {
      for (const { message } of errors) report.failures.push(describeFailure(where, message));
    };
    for (const module of modules) {
      const file = module.relativeModuleId;
      const tests = [...module.children.allTests()];
      if (tests.length === 0) report.failed += 1;
      add(file, module.errors());
      for (const suite of module.children.allSuites())
        add(`${file}: ${suite.fullName}`, suite.errors());
      for (const test of tests) {
        const { state, errors = [] } = test.result();
        report[state === "passed" ? "passed" : "failed"] += 1;
        add(`${file}: ${test.fullName}`, state === "skipped" ? [{ message: "not run" }] : errors);
      }
    }
    add("outside of any test", besides);
    const to = process.env.SETPASS_TEST_REPORT;
    if (to) writeFileSync(to, JSON.stringify(report));
  }
}

/**
 * @param {any} report of Playwright's JSON reporter
 * @returns {Tests | undefined} undefined where there is none
 */
export function readPlaywright(report) {
  if (!report?.stats) return undefined;
  // A test that only succeeded at its second try is not a test that holds.
  const { expected: passed, unexpected, flaky, skipped } = report.stats;
  const failures = [...unexpectedOf(report.suites)];
  return { passed, failed: unexpected + flaky + skipped, failures };
}

/**
 * @param {any[]} [suites]
 * @returns {Generator<string>}
 */
function* unexpectedOf(suites = []) {
  for (const { specs = [], suites: inner } of suites) {
    for (const { file, title, tests } of specs) {
      for (const { projectName, status, results } of tests) {
        if (status === "expected") continue;
        const error =
          results.find((/** @type {any} */ one) => one.error)?.error.message ?? "not run";
        yield describeFailure(`tests/e2e/${file}: [${projectName}] ${title}`, error);
      }
    }
    yield* unexpectedOf(inner);
  }
}

/**
 * @param {string} where
 * @param {string} message
 */
function describeFailure(where, message) {
  return `${where}\n    ${stripVTControlCharacters(message).trim().split("\n", 1)[0]}`;
}
