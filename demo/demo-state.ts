/**
 * The demo's one folder, in the temporary directory, with everything it keeps: data, log, and which
 * processes are its own, so that the next start can end what a killed one left behind.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { reapOrphan } from "./embedded-postgres";

const prefix = "setpass-demo-";
/** As mkdtemp names them: a folder of another purpose may begin with the same words. */
const folderName = /^setpass-demo-[A-Za-z0-9]{6}$/;
const stateFile = "state.json";
const waitMs = 10_000;

interface DemoState {
  /** The process of demo.ts. */
  pid: number;
  server?: number;
  /** PostgreSQL's data folder, which names its process. */
  dataDir?: string;
  /** It is shutting down by itself. */
  stopping?: boolean;
}

export interface DemoFolder {
  readonly path: string;
  note(change: Partial<DemoState>): void;
  remove(): void;
}

/** A new folder that this process is the owner of. */
export function makeDemoFolder(): DemoFolder {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  // PostgreSQL may run as another user, who has to get through to its own folder.
  chmodSync(folder, 0o711);
  let state: DemoState = { pid: process.pid };
  const write = () => {
    const file = path.join(folder, stateFile);
    // Whoever reads it never finds half of it.
    writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  write();
  return {
    path: folder,
    note(change) {
      state = { ...state, ...change };
      write();
    },
    remove: () => removeFolder(folder),
  };
}

/**
 * Ends the processes of demos that were killed, and removes their folders. A demo that is alive, in
 * another terminal, is left alone.
 *
 * @returns how many there were
 */
export async function clearKilledDemos(): Promise<number> {
  let cleared = 0;
  for (const name of readdirSync(tmpdir())) {
    const folder = path.join(tmpdir(), name);
    if (!folderName.test(name) || !isOurs(folder)) continue;
    const state = readState(folder);
    // Of a demo that starts in this moment, unless it is old: then it is half removed.
    if (state === undefined && isYoung(folder)) continue;
    if (state !== undefined && commandLineOf(state.pid).includes("demo.ts")) {
      if (state.stopping) await gone(state.pid, "demo.ts");
      if (commandLineOf(state.pid).includes("demo.ts")) continue;
    }
    // By its command line, because the number may long be another process's.
    if (state?.server !== undefined) await end(state.server, folder);
    if (state?.dataDir !== undefined) await reapOrphan(state.dataDir);
    removeFolder(folder);
    cleared++;
  }
  return cleared;
}

/** A folder of that name may be anybody's: theirs must not tell us what to end. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  const uid = process.getuid?.();
  return found?.isDirectory() === true && (uid === undefined || found.uid === uid);
}

function isYoung(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs < 60_000;
}

function readState(folder: string): DemoState | undefined {
  try {
    const state = JSON.parse(readFileSync(path.join(folder, stateFile), "utf8"));
    return Number.isInteger(state.pid) ? state : undefined;
  } catch {
    return undefined;
  }
}

async function end(pid: number, mark: string): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!commandLineOf(pid).includes(mark)) return;
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    await gone(pid, mark);
  }
}

async function gone(pid: number, mark: string): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  while (commandLineOf(pid).includes(mark) && Date.now() < giveUpAt) await sleep(50);
}

/** Empty where there is no such process. */
function commandLineOf(pid: number): string {
  if (existsSync("/proc/self/cmdline")) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  }
  const asked = spawnSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  return asked.status === 0 ? asked.stdout : "";
}

function removeFolder(folder: string): void {
  // What ends at this moment may still write there.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
