import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";

// Waits until its standard input ends, which it does when our process is gone, however it went.
// $1 process, $2 gentle signal, $3 "group" or "process", $4… folders to remove.
const script = `
cat >/dev/null
pid=$1; signal=$2; target=$1
[ "$3" = group ] && target=-$1
shift 3
kill -s "$signal" -- "$target" 2>/dev/null
tries=0
while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "$target" 2>/dev/null
for folder in "$@"; do rm -rf -- "$folder"; done
`;

/**
 * Makes a child process end when this process does, also where this one is killed with -9 and can
 * do nothing more: a small shell process watches a pipe to us. The watcher has a session of its own,
 * so that Ctrl-C in a terminal does not end it. Does nothing on Windows.
 *
 * @param child a running process; one of a process group of its own where `group` is told
 * @param options.signal asks it to end; after ten seconds it is killed
 * @param options.removeFolders removed once it has ended in this way
 */
export function endWithParent(
  child: ChildProcess,
  options: { signal: NodeJS.Signals; group?: boolean; removeFolders?: string[] },
): void {
  if (process.platform === "win32" || child.pid === undefined) return;
  const watcher = spawn(
    "/bin/sh",
    [
      "-c",
      script,
      "setpass-watcher",
      String(child.pid),
      options.signal.replace(/^SIG/, ""),
      options.group ? "group" : "process",
      ...(options.removeFolders ?? []),
    ],
    { stdio: ["pipe", "ignore", "ignore"], detached: true, cwd: "/" },
  );
  watcher.on("error", () => {}); // no shell: then it is only our own tidying up that counts
  watcher.stdin?.on("error", () => {});
  watcher.unref();
  // The pipe must not keep our process running.
  (watcher.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  child.once("exit", () => watcher.kill("SIGKILL"));
}
