import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { openConsole } from "../console";
import { atMost, type Figure, INITIAL, type Part, PIN, type Stage } from "../stage";

/** The releases of Node that setpass is for. */
const MAJORS = [20, 22, 24];
const MEGABYTES = 130;
/** What pages that were shown may leave behind. */
const FLAT_MEGABYTES = 15;
const PAGES = 1000;
/** So long after its start, or its last page, a server counts as idle. */
const IDLE_MS = 5000;

/** Resident memory: idle, after a thousand pages, and after a thousand more. */
export const measureMemory: Part = async (stage) => {
  stage.say(`\nMemory (idle; after ${PAGES} pages; after ${PAGES} more)`);
  const figures: Figure[] = [];
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-nodes-"));
  try {
    for (const major of MAJORS) {
      const node = await findNode(major, folder);
      if (node) figures.push(...(await measureOne(stage, major, node)));
      else stage.say(`  Node ${major}                      NOT MEASURED: npm has it not just now`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return figures;
};

async function measureOne(stage: Stage, major: number, node: string): Promise<Figure[]> {
  const databaseUrl = await stage.postgres.createDatabase(`setpass_node_${major}`);
  const server = await stage.startSetpass(databaseUrl, { node });
  const measure = async () => {
    await sleep(IDLE_MS);
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1000;
  };
  const idle = await measure();
  const token = await stage.put(server.url, "page-user", { password: INITIAL, pin: PIN });
  const open = await openConsole(stage, server);
  const openPages = async () => {
    for (let number = 0; number < PAGES / 2; number++) {
      await stage.call(`${server.url}/?token=${token}`, { method: "GET", expect: 200 });
      await open("/admin");
    }
    return measure();
  };
  const first = await openPages();
  const second = await openPages();
  await server.stop();
  const words = (megabytes: number) => `${megabytes.toFixed(0)} MB`;
  stage.say(`  Node ${major}                      ${[idle, first, second].map(words).join(", ")}`);
  const on = `memory on Node ${major}`;
  const shown = { digits: 0, unit: "MB" };
  return [
    atMost(MEGABYTES, { ...shown, what: `${on}, idle`, value: idle }),
    atMost(MEGABYTES, { ...shown, what: `${on}, after ${PAGES} pages`, value: first }),
    atMost(FLAT_MEGABYTES, {
      ...shown,
      what: `${on}, what ${PAGES} more add`,
      value: second - first,
    }),
  ];
}

/** This one, where it is of that release; else npm's package `node`, in `folder`. */
async function findNode(major: number, folder: string): Promise<string | undefined> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const prefix = path.join(folder, String(major));
  const options = ["--no-audit", "--no-fund", "--loglevel=error"];
  await promisify(execFile)("npm", [
    "install",
    "--prefix",
    prefix,
    `node@${major}`,
    ...options,
  ]).catch(() => {});
  const node = path.join(prefix, "node_modules/node/bin/node");
  return existsSync(node) ? node : undefined;
}
