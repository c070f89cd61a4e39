import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { administrator, examplePin } from "../../demo/demo-data";

const root = path.resolve(import.meta.dirname, "../..");
const lastLine = "Ctrl-C stops everything and leaves nothing behind.";

interface Demo {
  readonly process: ChildProcess;
  /** Everything it printed. */
  readonly words: string;
  readonly publicUrl: string;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

/** A temporary directory of the test's own, so that whatever the demo leaves can be seen. */
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "setpass-test-of-demo-"));
  await chmod(folder, 0o755); // PostgreSQL's user has to get through
});

afterAll(async () => {
  for (const child of started) killGroup(child);
  for (const { pid } of processesOf(folder)) process.kill(pid, "SIGKILL");
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

/** Starts the demo as `npm run demo` does, and waits until it has said everything. */
async function startDemo(port: number): Promise<Demo> {
  const child = spawn(process.execPath, [path.join(root, "demo/run.mjs")], {
    cwd: folder, // wherever it is called from
    env: { ...process.env, TMPDIR: folder, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a process group of its own, to be killed as one
  });
  started.push(child);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let words = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      words += text;
    });
  }
  while (!words.includes(lastLine)) {
    if (child.exitCode !== null) throw new Error(`The demo ended:\n${words}`);
    await sleep(50);
  }
  const publicUrl = /(http:\S+)\/admin/.exec(words)?.[1] ?? "";
  return { process: child, words, publicUrl, ended };
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Every process whose command line names the folder: server, PostgreSQL, watchers. */
function processesOf(named: string): { pid: number; command: string }[] {
  const all = existsSync("/proc/self/cmdline") ? fromProc() : fromPs();
  return all.filter(({ pid, command }) => command.includes(named) && pid !== process.pid);
}

function fromProc() {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return [{ pid: Number(name), command }];
    } catch {
      return [];
    }
  });
}

function fromPs() {
  const { stdout } = spawnSync("ps", ["-ww", "-eo", "pid=,command="], { encoding: "utf8" });
  return stdout.split("\n").map((line) => {
    const [pid = "", ...command] = line.trim().split(" ");
    return { pid: Number(pid), command: command.join(" ") };
  });
}

/** The call that the demo prints, as it stands. */
function exampleCall(words: string): { url: string; init: RequestInit } {
  const call = words.replaceAll("\\\n", " ");
  const url = /curl -X PUT (\S+)/.exec(call)?.[1] ?? "";
  const headers = [...call.matchAll(/-H '([^:]+): ([^']+)'/g)].map(
    ([, name, value]) => [name ?? "", value ?? ""] as [string, string],
  );
  const body = /-d '([^']+)'/.exec(call)?.[1] ?? "";
  return { url, init: { method: "PUT", headers, body } };
}

async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => processesOf(folder), { timeout: 30_000 }).toEqual([]);
  await expect.poll(() => readdir(folder), { timeout: 30_000 }).toEqual([]);
}

const form = (fields: Record<string, string>): RequestInit => ({
  method: "POST",
  body: new URLSearchParams(fields),
  redirect: "manual",
});

describe("the demo", () => {
  let demo: Demo;
  let neighbour: Server;
  let taken: number;

  beforeAll(async () => {
    neighbour = createServer();
    await new Promise<void>((resolve) => neighbour.listen(0, "127.0.0.1", resolve));
    const address = neighbour.address();
    taken = typeof address === "object" && address !== null ? address.port : 0;
    demo = await startDemo(taken);
  }, 180_000);
  afterAll(() => {
    neighbour.close();
  });

  it("takes another port where its own is taken, and says so", () => {
    expect(demo.words).toContain(`Port ${taken} is taken: setpass is on`);
    expect(demo.publicUrl).toMatch(/^http:\/\/localhost:\d+$/);
    expect(demo.publicUrl).not.toContain(`:${taken}`);
  });

  it("lets the administrator sign in with what it prints", async () => {
    const { userName, password, domainName } = administrator;
    for (const word of [userName, password, domainName]) expect(demo.words).toContain(word);
    const signedIn = await fetch(
      `${demo.publicUrl}/admin/sign-in`,
      form({ user_name: userName, password, domain: domainName }),
    );
    expect(signedIn.status).toBe(302);
    const cookie = signedIn.headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const users = await fetch(`${demo.publicUrl}/admin/users`, { headers: { cookie } });
    expect(users.status).toBe(200);
    expect(await users.text()).toContain("grace");
  });

  it("prints a call that works, and its link sets a password", async () => {
    const { url, init } = exampleCall(demo.words);
    const issued = await fetch(url, init);
    expect(issued.status).toBe(200);
    const token = await issued.text();
    expect(token).toMatch(/^[0-9a-f-]{36}$/);
    const link = `${demo.publicUrl}/?token=${token}`;
    // What Keystone says of the user, the address too, is fetched behind the answer to PUT.
    const page = async () => (await fetch(link)).text();
    await expect.poll(page, { timeout: 20_000 }).toMatch(/\bada\b/);
    const password = "a-password-of-my-own-1";
    const set = await fetch(link, form({ pin: examplePin, password, confirm_password: password }));
    expect(set.status).toBe(200);
    expect(await set.text()).toContain("Password set");
  });

  // A first try that fails on a busy machine is followed by another, some time later.
  it("shows the mails it sends in the mailbox", { timeout: 120_000 }, async () => {
    const mailbox = /(http:\S+)\s+every mail/.exec(demo.words)?.[1] ?? "";
    const subjects = async (): Promise<string[]> => {
      const answer = await fetch(new URL("/api/messages", mailbox));
      const mails = (await answer.json()) as { to: string[]; subject: string }[];
      return mails.map((mail) => `${mail.to.join()}: ${mail.subject}`);
    };
    await expect
      .poll(subjects, { timeout: 100_000 })
      .toEqual([expect.stringMatching(/^ada@example\.org: .*password/i)]);
  });

  it("killed with -9, leaves nothing: its parts end by themselves", async () => {
    const parts = () => processesOf(folder).map(({ command }) => command);
    expect(parts()).toContainEqual(expect.stringContaining("build/process/server.js"));
    expect(parts()).toContainEqual(expect.stringContaining("postgres"));
    killGroup(demo.process);
    await demo.ended;
    await expectNothingLeft();
  }, 180_000);

  it("leaves nothing after Ctrl-C", async () => {
    const another = await startDemo(0);
    another.process.kill("SIGINT");
    expect(await another.ended).toBe(0);
    await expectNothingLeft();
  }, 180_000);

  it("ends by itself, and leaves nothing, where only its launcher is killed", async () => {
    const another = await startDemo(0);
    another.process.kill("SIGKILL");
    await expectNothingLeft();
  }, 180_000);
});
